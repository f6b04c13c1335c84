"""Check not valid: the way that harms."""

from alembic import op

revision = "2"
down_revision = "1"
irreversible = "of no use in a test"


def upgrade() -> None:
    op.create_check_constraint("ck_views", "posts", "views >= 0")

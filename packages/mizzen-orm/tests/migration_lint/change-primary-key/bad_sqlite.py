"""Change primary key: the way that harms."""

from alembic import op

revision = "2"
down_revision = "1"
irreversible = "of no use in a test"


def upgrade() -> None:
    op.create_primary_key("pk_tags", "tags", ["name"])

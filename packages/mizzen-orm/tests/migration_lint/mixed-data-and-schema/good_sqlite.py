"""Mixed data and schema: a safe way."""

from alembic import op

revision = "2"
down_revision = "1"
irreversible = "of no use in a test"


def upgrade() -> None:
    op.execute("UPDATE posts SET slug = title WHERE slug IS NULL")

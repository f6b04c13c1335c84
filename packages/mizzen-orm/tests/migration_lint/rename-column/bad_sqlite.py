"""Rename column: the way that harms."""

from alembic import op

revision = "2"
down_revision = "1"
irreversible = "of no use in a test"


def upgrade() -> None:
    op.rename_column("posts", "title", "headline")

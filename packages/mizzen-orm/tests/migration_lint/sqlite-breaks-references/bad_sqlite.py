"""Sqlite breaks references: the way that harms."""

from alembic import op

revision = "2"
down_revision = "1"
irreversible = "of no use in a test"


def upgrade() -> None:
    with op.batch_alter_table("authors") as batch_op:
        batch_op.alter_column("id", new_column_name="number")

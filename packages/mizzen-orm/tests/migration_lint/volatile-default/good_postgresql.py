"""Volatile default: a safe way."""

import sqlalchemy as sa
from alembic import op

revision = "2"
down_revision = "1"
irreversible = "of no use in a test"


def upgrade() -> None:
    op.add_column("posts", sa.Column("key", sa.Uuid()))
    op.alter_column("posts", "key", server_default=sa.text("gen_random_uuid()"))

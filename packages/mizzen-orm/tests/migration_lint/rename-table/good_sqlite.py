"""Rename table: a safe way."""

import sqlalchemy as sa
from alembic import op

revision = "2"
down_revision = "1"
irreversible = "of no use in a test"


def upgrade() -> None:
    op.create_table("labels", sa.Column("id", sa.BigInteger(), primary_key=True))

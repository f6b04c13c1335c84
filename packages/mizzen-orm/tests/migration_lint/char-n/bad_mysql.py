"""Char n: the way that harms."""

import sqlalchemy as sa
from alembic import op

revision = "2"
down_revision = "1"
irreversible = "of no use in a test"


def upgrade() -> None:
    op.add_column("posts", sa.Column("code", sa.CHAR(8)))

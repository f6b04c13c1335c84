"""Sqlite rebuild: a safe way."""

import sqlalchemy as sa
from alembic import op

revision = "2"
down_revision = "1"
irreversible = "of no use in a test"


def upgrade() -> None:
    with op.batch_alter_table("posts") as batch_op:
        batch_op.add_column(sa.Column("views_now", sa.BigInteger()))

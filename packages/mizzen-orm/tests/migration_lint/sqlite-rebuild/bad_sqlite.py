"""Sqlite rebuild: the way that harms."""

import sqlalchemy as sa
from alembic import op

revision = "2"
down_revision = "1"
irreversible = "of no use in a test"


def upgrade() -> None:
    with op.batch_alter_table("posts") as batch_op:
        batch_op.alter_column("views", type_=sa.BigInteger(), nullable=False)

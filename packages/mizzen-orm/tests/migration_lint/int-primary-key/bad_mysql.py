"""Int primary key: the way that harms."""

import sqlalchemy as sa
from alembic import op

revision = "2"
down_revision = "1"
irreversible = "of no use in a test"


def upgrade() -> None:
    op.create_table("likes", sa.Column("id", sa.Integer(), primary_key=True))

"""Unreadable: the way that harms."""

import sqlalchemy as sa
from alembic import op

revision = "2"
down_revision = "1"
irreversible = "of no use in a test"


def upgrade() -> None:
    count = op.get_bind().execute(sa.text("SELECT count(*) FROM posts")).scalar_one()
    if count > 0:
        op.drop_table("tags")

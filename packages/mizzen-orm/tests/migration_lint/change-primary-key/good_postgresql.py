"""Change primary key: a safe way."""

import sqlalchemy as sa
from alembic import op

revision = "2"
down_revision = "1"
irreversible = "of no use in a test"


def upgrade() -> None:
    op.create_table(
        "tags_with_key",
        sa.Column("name", sa.String(50), primary_key=True),
        sa.Column("post_id", sa.BigInteger()),
    )

"""Missing downgrade: a safe way."""

import sqlalchemy as sa
from alembic import op

revision = "2"
down_revision = "1"


def upgrade() -> None:
    op.add_column("posts", sa.Column("headline", sa.String(100)))


def downgrade() -> None:
    op.drop_column("posts", "headline")

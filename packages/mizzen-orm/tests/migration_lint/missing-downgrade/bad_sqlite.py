"""Missing downgrade: the way that harms."""

import sqlalchemy as sa
from alembic import op

revision = "2"
down_revision = "1"


def upgrade() -> None:
    op.add_column("posts", sa.Column("headline", sa.String(100)))


def downgrade() -> None:
    pass

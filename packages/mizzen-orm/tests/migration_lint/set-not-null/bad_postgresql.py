"""Set not null: the way that harms."""

import sqlalchemy as sa
from alembic import op

revision = "2"
down_revision = "1"
irreversible = "of no use in a test"


def upgrade() -> None:
    op.alter_column("posts", "slug", nullable=False, existing_type=sa.String(100))

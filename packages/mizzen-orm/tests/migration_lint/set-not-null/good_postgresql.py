"""Set not null: a safe way."""

import sqlalchemy as sa
from alembic import op

revision = "2"
down_revision = "1"
irreversible = "of no use in a test"


def upgrade() -> None:
    # The first step has a valid CHECK (subtitle IS NOT NULL), so that nothing is scanned.
    op.alter_column("posts", "subtitle", nullable=False, existing_type=sa.String(100))

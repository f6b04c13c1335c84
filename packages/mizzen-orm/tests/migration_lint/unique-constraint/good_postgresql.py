"""Unique constraint: a safe way."""

from alembic import op

revision = "2"
down_revision = "1"
irreversible = "of no use in a test"


def upgrade() -> None:
    # Its index was built concurrently by the step before.
    op.use_index_for_unique("uq_posts_slug", "posts", "ix_posts_slug")

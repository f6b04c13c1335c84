"""Create index concurrently: a safe way."""

from alembic import op

revision = "2"
down_revision = "1"
irreversible = "of no use in a test"
transactional = False


def upgrade() -> None:
    op.create_index("ix_posts_views", "posts", ["views"], postgresql_concurrently=True)

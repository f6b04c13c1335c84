"""Drop index concurrently: a safe way."""

from alembic import op

revision = "2"
down_revision = "1"
irreversible = "of no use in a test"
transactional = False


def upgrade() -> None:
    op.drop_index("ix_posts_slug", "posts", postgresql_concurrently=True)

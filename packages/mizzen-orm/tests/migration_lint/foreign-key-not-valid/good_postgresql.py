"""Foreign key not valid: a safe way."""

from alembic import op

revision = "2"
down_revision = "1"
irreversible = "of no use in a test"


def upgrade() -> None:
    op.create_foreign_key(
        "fk_tags_post", "tags", "posts", ["post_id"], ["id"], postgresql_not_valid=True
    )

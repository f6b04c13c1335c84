"""Drop column: a safe way."""

from alembic import op

revision = "2"
down_revision = "1"
irreversible = "of no use in a test"


def upgrade() -> None:
    # lint: allow drop-column because nothing has read it since the last release
    op.drop_column("posts", "slug")

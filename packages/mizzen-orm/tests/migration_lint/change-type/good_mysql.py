"""Change type: a safe way."""

import sqlalchemy as sa
from alembic import op

revision = "2"
down_revision = "1"
irreversible = "of no use in a test"


def upgrade() -> None:
    op.alter_column("posts", "title", type_=sa.String(200), existing_type=sa.String(100))

"""Change type: a safe way."""

import sqlalchemy as sa
from alembic import op

revision = "2"
down_revision = "1"
irreversible = "of no use in a test"


def upgrade() -> None:
    op.alter_column("posts", "title", type_=sa.Text(), existing_type=sa.String(100))
    op.alter_column("posts", "price", type_=sa.Numeric(12, 2), existing_type=sa.Numeric(8, 2))

"""Raw ddl: a safe way."""

from alembic import op

revision = "2"
down_revision = "1"
irreversible = "of no use in a test"


def upgrade() -> None:
    # lint: allow raw-ddl because a trigger has no op
    op.execute("CREATE TRIGGER t AFTER INSERT ON posts BEGIN SELECT 1; END")

"""Enum value removed: a safe way."""

from alembic import op

revision = "2"
down_revision = "1"
irreversible = "of no use in a test"


def upgrade() -> None:
    op.change_enum(
        "status",
        old=["open", "closed"],
        new=["open", "shut"],
        columns=[("posts", "status", True)],
        renamed={"closed": "shut"},
    )

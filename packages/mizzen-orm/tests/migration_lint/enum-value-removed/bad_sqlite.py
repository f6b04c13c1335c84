"""Enum value removed: the way that harms."""

from alembic import op

revision = "2"
down_revision = "1"
irreversible = "of no use in a test"


def upgrade() -> None:
    op.change_enum(
        "status",
        old=["open", "closed"],
        new=["open"],
        columns=[("posts", "status", True)],
    )

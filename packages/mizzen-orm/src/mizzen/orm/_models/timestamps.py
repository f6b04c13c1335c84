"""When a row was made and last changed."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlmodel import Field, SQLModel


def now() -> datetime:
    """Return the time, aware, in UTC."""
    return datetime.now(UTC)


class Timestamps(SQLModel):
    """Mix into a model: `created_at` and `updated_at`, aware, in UTC.

    `updated_at` follows `save`, `update` and `update_all`.
    """

    created_at: datetime = Field(default_factory=now, index=True)
    updated_at: datetime = Field(
        default_factory=now, index=True, sa_column_kwargs={"onupdate": now}
    )

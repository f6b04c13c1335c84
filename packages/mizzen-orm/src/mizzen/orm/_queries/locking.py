"""Locks: rows that nobody else changes until the transaction ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self, TypeVar

from .._connections import sessions
from .._errors import ConfigurationError
from .chain import Chain

if TYPE_CHECKING:
    from .._core import Core
    from .._models.model import Model

M = TypeVar("M", bound="Model")


class Locking(Chain[M]):
    """What a query says about locks."""

    def with_lock(self, *, nowait: bool = False, skip_locked: bool = False) -> Self:
        """Lock the rows (`FOR UPDATE`) until the transaction ends, and read them as they are now.

        Only inside `db.transaction()`. A locked row is waited for; `nowait` raises instead, and
        `skip_locked` leaves it out. On SQLite the transaction itself keeps other writers out.
        """
        if nowait and skip_locked:
            raise ConfigurationError("with_lock() takes nowait or skip_locked, not both.")
        return self._with(_lock={"nowait": nowait, "skip_locked": skip_locked})


def require_transaction(database: Core, call: str = "with_lock()") -> None:
    """Raise `ConfigurationError` outside a transaction of *database*: a lock would end at once."""
    frame = sessions.ambient(database)
    if frame is None or not frame.writes:
        raise ConfigurationError(
            f"{call} outside a transaction locks nothing: read the rows inside "
            "`async with db.transaction():`."
        )

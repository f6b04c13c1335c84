"""Locking one row: read as it is now, and nobody else changes it until the transaction ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._core import current
from .._errors import ConfigurationError
from .._queries.locking import require_transaction
from . import dirty, writing
from .hydration import state_of

if TYPE_CHECKING:
    from .model import Model


async def lock(instance: Model, *, nowait: bool) -> None:
    """Read the row again with `FOR UPDATE`; what was changed and not saved would be lost."""
    require_transaction(current(), "lock()")
    changed = dirty.changes_of(instance)
    if changed and state_of(instance).key is not None:
        raise ConfigurationError(
            f"lock() reads the {type(instance).__name__} again, and would lose what was changed "
            f"on it ({', '.join(changed)}): lock it first, or save or reload it before."
        )
    await writing.reload(instance, lock={"of": type(instance), "nowait": nowait})

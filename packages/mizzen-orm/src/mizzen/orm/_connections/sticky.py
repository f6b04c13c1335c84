"""Who has to read from the primary: whoever wrote just now, and whoever said so.

A replica lags behind. What a task has written it reads from the primary for a while; so does
everything inside the `db.session()` block it wrote in, other tasks too.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping
    from contextvars import Context

_NEVER: Mapping[object, float] = MappingProxyType({})

# When each database was last written to: by this context, and by this thread through `db.sync`.
_wrote: ContextVar[Mapping[object, float]] = ContextVar("mizzen_orm_wrote", default=_NEVER)
_shared: ContextVar[dict[object, float] | None] = ContextVar("mizzen_orm_shared", default=None)
# What a thread's calls through `db.sync` share; nothing else that begins in it has part in it.
_of_calls: ContextVar[dict[object, float] | None] = ContextVar("mizzen_orm_calls", default=None)
_forced: ContextVar[frozenset[object]] = ContextVar("mizzen_orm_primary", default=frozenset())


class Sticky:
    """One database's memory of who wrote; `seconds` is how long they read from the primary."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._key = object()

    def wrote(self) -> float:
        """Remember a write of this context, and return the time of it."""
        now = time.monotonic()
        kept = {key: at for key, at in _wrote.get().items() if now - at < self.seconds}
        _wrote.set({**kept, self._key: now})
        if (shared := _shared.get()) is not None:
            shared[self._key] = now
        return now

    def holds(self, times: Iterable[float] = ()) -> bool:
        """Return whether this context reads from the primary, given other *times* of writes."""
        if self._key in _forced.get():
            return True
        oldest = time.monotonic() - self.seconds
        shared = _shared.get() or _NEVER
        found = (_wrote.get().get(self._key), shared.get(self._key), *times)
        return any(at is not None and at > oldest for at in found)

    @contextmanager
    def primary(self) -> Generator[None]:
        """Read from the primary inside the block."""
        token = _forced.set(_forced.get() | {self._key})
        try:
            yield
        finally:
            _forced.reset(token)


def share(context: Context) -> None:
    """Let a call through `db.sync` know of the writes of this thread's others; it has *context*."""
    shared = _of_calls.get()
    if shared is None:
        shared = dict[object, float]()
        _of_calls.set(shared)
    context.run(_shared.set, shared)

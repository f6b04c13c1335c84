"""What goes on beside the requests: last uses written in batches, old sessions forgotten."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from ._errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

    from .abc import UserStore

ROUND = 5.0  # seconds between two batches
PURGE = 3600.0
GRAIN = 60.0  # a last use is noted once a minute; the idle limit is days


class Housekeeping:
    """One task from `start()` to `aclose()`, so that no request waits for a write of its own."""

    def __init__(self, store: UserStore, clock: Callable[[], float], idle: float) -> None:
        self._store = store
        self._clock = clock
        self._idle = idle
        self._grain = min(GRAIN, idle / 20)
        self._used: dict[str, float] = {}
        self._purge_at = 0.0
        self._closing = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.trouble: StoreError | None = None
        self.failure: BaseException | None = None

    def start(self) -> None:
        """Begin the rounds."""
        self._task = asyncio.create_task(self._rounds(), name="mizzen.auth housekeeping")

    @property
    def ended(self) -> bool:
        """Whether the rounds are over, if only because their event loop is."""
        return self._task is not None and self._task.done()

    async def aclose(self) -> None:
        """End the rounds after a last one; idempotent."""
        self._closing.set()
        if self._task is not None and not self._task.done():
            await asyncio.wait([self._task])

    def last_used(self, session_id: str, stored: float) -> float:
        """Return when a session was last used, as far as this process knows."""
        return max(stored, self._used.get(session_id, 0.0))

    def used(self, session_id: str, before: float) -> float:
        """Note that a session is being used; return the time."""
        now = self._clock()
        if now - before >= self._grain:
            self._used[session_id] = now
        return max(now, before)

    async def _rounds(self) -> None:
        try:
            while not self._closing.is_set():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._closing.wait(), ROUND)
                await self._round()
        except BaseException as exc:
            self.failure = exc
            if not isinstance(exc, Exception):
                raise

    async def _round(self) -> None:
        """Write what has gathered. A store that is away for a while is tried again next time."""
        try:
            if used := dict(self._used):
                await self._store.touch(used)
                self._used = {s: at for s, at in self._used.items() if used.get(s) != at}
            if self._clock() >= self._purge_at:
                await self._store.purge(self._clock(), self._clock() - self._idle)
                self._purge_at = self._clock() + PURGE
            self.trouble = None
        except StoreError as exc:
            self.trouble = exc

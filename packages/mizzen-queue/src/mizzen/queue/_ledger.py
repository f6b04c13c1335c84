"""What one run of a job writes down for the next: the results of steps, and how far it came."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from ._errors import ClaimLost, QueueError

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from ._iterate import Iteration
    from ._job import JobFunction
    from ._records import Desk
    from .abc import Claimed, Store

T = TypeVar("T")

_log = logging.getLogger("mizzen.queue")

_KEEP_WITHIN = 1.0


class Origin(NamedTuple):
    """Where an attempt comes from: what its job's methods need to reach the store."""

    store: Store
    claimed: Claimed
    function: JobFunction[..., Any]
    loop: asyncio.AbstractEventLoop


class Ledger:
    """The memos of one job, fenced by the run token of the attempt that writes them."""

    def __init__(self, origin: Origin) -> None:
        self.store, self.claimed, self.function, self._loop = origin
        self.iterations: list[Iteration[Any]] = []
        self._memos: dict[str, str] | None = None
        self._reading = asyncio.Lock()
        self._taken: set[str] = set()

    def take(self, name: str) -> None:
        """Reserve *name*; each stands for one thing in a run."""
        if name in self._taken:
            raise QueueError(
                f"this job has a step or iteration {name!r} already: give each its own name, "
                'such as f"send:{user}"'
            )
        self._taken.add(name)

    def give_back(self, name: str) -> None:
        """Let *name* be tried again."""
        self._taken.discard(name)

    async def read(self, name: str) -> str | None:
        """What an earlier run kept under *name*."""
        async with self._reading:
            if self._memos is None:
                self._memos = await self.store.memos(self.claimed.id)
        return self._memos.get(name)

    async def keep(self, name: str, memo: str) -> None:
        """Keep *memo* for the runs to come; ClaimLost when the job is somebody else's by now."""
        if not await self.store.keep_memo(self.claimed.id, self.claimed.token, name, memo):
            raise self.lost()

    async def keep_places(self) -> None:
        """Let the next run go on where this one ended."""
        try:
            async with asyncio.timeout(_KEEP_WITHIN):
                for iteration in self.iterations:
                    await iteration.keep()
        except (QueueError, TimeoutError) as exc:
            _log.warning("job %d will repeat the last items: %s", self.claimed.id, exc)

    def lost(self) -> ClaimLost:
        """The error of a run that is not the job's own any more."""
        return ClaimLost(
            f"job {self.claimed.id} ({self.claimed.kind}) isn't held by this run any more: it has "
            "ended, or was given to another worker"
        )

    def wait(self, coroutine: Coroutine[Any, Any, T], other: str) -> T:
        """From a job's thread: what *coroutine* gives on the worker's event loop."""
        if self._on_loop():
            coroutine.close()
            raise QueueError(f"this would block the event loop: {other}")
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def _on_loop(self) -> bool:
        try:
            return asyncio.get_running_loop() is self._loop
        except RuntimeError:
            return False


def ledger_of(desk: Desk) -> Ledger:
    """The ledger of the job at this desk; made when it is first asked for."""
    if desk.ledger is None:
        if desk.origin is None:
            raise QueueError(
                "steps, iterations and transactions need the worker's own process: this job runs "
                "in another one"
            )
        desk.ledger = Ledger(desk.origin)
    return desk.ledger

"""What one run of a job writes down for the next: the results of steps, and how far it came."""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import msgspec
from msgspec import Struct

from ._errors import ClaimLost, Interrupted, QueueError, StoreError

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from ._iterate import Iteration
    from ._job import JobFunction
    from ._records import Desk
    from .abc import Ack, Claimed, Store

T = TypeVar("T")

_log = logging.getLogger("mizzen.queue")

_SETTLE_WITHIN = 1.0
_LOOK_AT_THE_LOOP = 1.0

# The memo that a transaction leaves which completed the job.
COMPLETED = "(completed)"


class Completed(Struct, array_like=True):
    """How the job ended in that transaction."""

    result: str | None = None
    error: str | None = None


class Origin(NamedTuple):
    """Where an attempt comes from: what its job's methods need to reach the store."""

    store: Store
    claimed: Claimed
    function: JobFunction[..., Any]
    loop: asyncio.AbstractEventLoop


class Ledger:
    """The memos of one job, fenced by the run token of the attempt that writes them."""

    def __init__(self, origin: Origin) -> None:
        store, claimed, function, self._loop = origin
        self.store: Store = store
        self.claimed: Claimed = claimed
        self.function: JobFunction[..., Any] = function
        self.iterations: list[Iteration[Any]] = []
        self._memos: dict[str, str] | None = None
        self._reading = asyncio.Lock()
        self._taken: set[str] = {COMPLETED}
        self.may_be_completed = False

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

    async def settle(self, ack: Ack) -> None:
        """See whether a transaction completed the job; if not, let the next run go on from here."""
        if ack.outcome == "done" and not self.may_be_completed:
            return
        try:
            async with asyncio.timeout(_SETTLE_WITHIN):
                completed = await self._completed() if self.may_be_completed else None
                if completed is not None:
                    if ack.outcome != "done":
                        _log.warning("job %d failed after it was completed: %s", ack.id, ack.error)
                    ack.outcome, ack.result, ack.error = "done", completed.result, completed.error
                elif ack.outcome != "done":
                    for iteration in self.iterations:
                        await iteration.keep()
        except (QueueError, TimeoutError) as exc:
            _log.warning("job %d is left as it is on record: %s", ack.id, exc)
            if self.may_be_completed and ack.outcome != "done":
                ack.outcome = "release"  # who has it next looks again

    async def _completed(self) -> Completed | None:
        return _read(await self.store.memos(self.claimed.id))

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
        answer = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        while not answer.done() and not self._loop.is_closed():
            concurrent.futures.wait((answer,), _LOOK_AT_THE_LOOP)
        return answer.result(0)  # a thread that its worker has left behind must not hang

    def _on_loop(self) -> bool:
        try:
            return asyncio.get_running_loop() is self._loop
        except RuntimeError:
            return False


async def completed_before(store: Store, claimed: Claimed) -> Completed | None:
    """What a run that crashed since had completed; the job is given back if nobody can tell."""
    try:
        return _read(await store.memos(claimed.id))
    except StoreError as exc:
        raise Interrupted from exc


def _read(memos: dict[str, str]) -> Completed | None:
    memo = memos.get(COMPLETED)
    return None if memo is None else msgspec.json.decode(memo, type=Completed)


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

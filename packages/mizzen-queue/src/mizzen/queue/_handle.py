"""A job that was enqueued: ask how it is, wait for its result, cancel it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic, TextIO, TypeVar, cast

import msgspec

from ._display import html_table
from ._errors import BadResult, JobCancelled, JobFailed, ResultTimeout, UnknownJob
from ._records import Progress
from ._units import Duration, seconds

if TYPE_CHECKING:
    from ._arguments import Arguments
    from ._queue import Queue
    from .abc import Record, Status
    from .notebook import View

__all__ = ["Handle"]

R = TypeVar("R")

# Jobs of this process wake their waiters at once; the poll is for those that ran elsewhere.
_FIRST_POLL, _LAST_POLL = 0.02, 0.5


class Handle(Generic[R]):
    """One enqueued job, by its `id`."""

    __slots__ = ("_arguments", "_owner", "_seen", "id", "is_new", "kind")

    def __init__(
        self,
        owner: Queue,
        id: int,
        kind: str,
        arguments: Arguments | None,
        *,
        is_new: bool = False,
    ) -> None:
        self._owner = owner
        self._arguments = arguments
        self.id: int = id
        self.kind: str = kind
        self._seen: Status | None = None
        self.is_new: bool = is_new
        """Whether enqueuing made it; a unique job may have been there already."""

    async def record(self) -> Record:
        """Everything the store knows of the job; UnknownJob when that is nothing."""
        record = await self._owner.store.find(self.id)
        if record is None:
            raise UnknownJob(
                f"there is no job {self.id}: its transaction hasn't committed, or history "
                "dropped it"
            )
        self._seen = record.status
        return record

    async def status(self) -> Status:
        """`queued`, `scheduled`, `running`, `done`, `dead` or `cancelled`."""
        return (await self.record()).status

    async def progress(self) -> Progress | None:
        """How far the job said it is, if it did."""
        told = (await self.record()).progress
        return None if told is None else msgspec.json.decode(told, type=Progress)

    async def cancel(self) -> bool:
        """Take the job back, or stop it where it runs (see Queue.cancel); False if it has ended."""
        return await self._owner.cancel(self.id)

    async def result(self, timeout: Duration | None = None) -> R:  # noqa: ASYNC109
        """Wait until the job ended, and return what it returned.

        Raises JobFailed, JobCancelled, BadResult, or ResultTimeout (a TimeoutError).
        """
        limit = None if timeout is None else seconds(timeout)
        hint = "is a worker running?"
        if (rehearsal := self._owner.rehearsal) is not None:
            limit, hint = rehearsal.patience(limit), "`await q.drain()` runs it in a test"
        with self._owner.watch(self.id) as ended:
            try:
                async with asyncio.timeout(limit):
                    record = await self._ended(ended)
            except TimeoutError as exc:
                raise ResultTimeout(
                    f"job {self.id} ({self.kind}) hasn't ended after {limit} s: {hint}"
                ) from exc
        return self._outcome(record)

    async def follow(self, *, file: TextIO | None = None) -> R:
        """Show a progress bar until the job has ended, and return its result; see Queue.follow."""
        (result,) = await self._owner.follow([self], file=file)
        return result

    def view(self, every: float = 0.2) -> View:
        """A live view of this job for a notebook; text anywhere else."""
        from ._following import Following
        from ._looks import JobsLook
        from .notebook import View

        return View(self, every, JobsLook(Following([self])))

    async def _ended(self, ended: asyncio.Event) -> Record:
        pause = _FIRST_POLL
        while True:
            record = await self._owner.store.find(self.id)
            if record is not None and record.status in ("done", "dead", "cancelled"):
                self._seen = record.status
                return record
            try:
                async with asyncio.timeout(pause):
                    await ended.wait()
                ended.clear()
            except TimeoutError:
                pause = min(_LAST_POLL, pause * 1.5)

    def _outcome(self, record: Record) -> R:
        if record.status == "cancelled":
            line = (record.error or "").partition("\n")[0]
            why = line.removeprefix("Cancelled") if line.startswith("Cancelled: ") else ""
            raise JobCancelled(f"job {self.id} ({self.kind}) was cancelled{why}")
        if record.status == "dead":
            message, traceback = _read_error(record.error)
            raise JobFailed(
                f"job {self.id} ({self.kind}) failed for good after {record.attempt} "
                f"attempts: {message}",
                traceback,
            )
        if record.result is None:
            raise BadResult(_read_error(record.error)[0])
        if self._arguments is None:
            return cast("R", msgspec.json.decode(record.result))
        return cast("R", self._arguments.decode_result(record.result))

    def __repr__(self) -> str:
        return f"<mizzen.queue.Handle {self.id} {self.kind}>"

    def _repr_html_(self) -> str:
        facts = {"job": self.id, "kind": self.kind, "queue": self._owner.url}
        return html_table(facts | {"status": self._seen or "await handle.status()"})


def _read_error(error: str | None) -> tuple[str, str]:
    if error is None:
        return "unknown", ""
    message, _, traceback = error.partition("\n")
    return message, traceback

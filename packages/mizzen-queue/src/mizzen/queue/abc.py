"""What a store must be able to do; what it must promise is in `mizzen.queue.testing`.

A store keeps three tables: the hot one (queued, scheduled and running jobs), the history of ended
jobs, and the workers that claim from it. Times are Unix seconds; ids are integers that never come
back; a claim writes a fresh run token into the job, and only an ack that carries it is accepted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

from msgspec import Struct

from ._flows import FlowJob, Flows, Link, Parent

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

__all__ = [
    "OPEN",
    "Ack",
    "Claimed",
    "Completing",
    "FlowJob",
    "Flows",
    "Gate",
    "Inserted",
    "KeyedJob",
    "Link",
    "NewJob",
    "Outcome",
    "Parent",
    "Record",
    "Status",
    "Step",
    "Store",
    "Transactional",
    "WorkerInfo",
]

Status = Literal["queued", "scheduled", "running", "done", "dead", "cancelled"]
Outcome = Literal["done", "retry", "dead", "release", "cancelled"]


class NewJob(Struct, array_like=True, frozen=True):
    """A job to insert; `args` is a JSON object, `run_at` 0 means at once."""

    kind: str
    queue: str
    priority: int
    args: str
    max_attempts: int
    run_at: float
    created_at: float


class KeyedJob(NewJob, array_like=True, frozen=True):
    """A job with keys, that keep it apart from others.

    While a job with the same `unique_key` has not ended (or, with `unique_for`, was made less
    than so many seconds ago), an insert gives that one instead. With `unique_until_start`, it
    counts only until it starts. Jobs with one of the other keys are *gated*: see `Gate`.
    """

    unique_key: str | None = None
    unique_for: float | None = None
    unique_until_start: bool = False
    limit_key: str | None = None
    rate_key: str | None = None
    fair_key: str | None = None
    meta: str | None = None


class Inserted(Struct, frozen=True):
    """The ids of the jobs of one insert, in their order; `found` are those that were there."""

    ids: list[int]
    found: frozenset[int] = frozenset()


class Gate(Struct, frozen=True):
    """What holds back the gated jobs of one kind, wherever they run; 0 is no limit.

    At most `running` jobs with one limit key run at once; at most `starts` with one rate key start
    in any `seconds`. Among jobs of the same priority, each fair key has its turn.
    """

    running: int = 0
    starts: int = 0
    seconds: float = 0.0


OPEN = Gate()


class Claimed(Struct, gc=False):
    """A job that one worker holds; `attempt` counts the attempts charged so far.

    A suspect was held by a worker that died: it must be charged before it starts.
    """

    id: int
    token: int
    kind: str
    queue: str
    priority: int
    args: str
    attempt: int
    max_attempts: int
    created_at: float
    suspect: bool = False
    meta: str | None = None


class Ack(Struct, gc=False):
    """How an attempt ended; `attempt` is the number of attempts charged by now."""

    id: int
    token: int
    outcome: Outcome
    attempt: int = 0
    result: str | None = None
    error: str | None = None
    run_at: float = 0.0
    started_at: float | None = None
    finished_at: float = 0.0


class Step(Struct):
    """What one step brought: claimed jobs, ids whose ack came too late, the next due time.

    `crowded` tells that jobs were left that a further step may claim at once: limited ones that had
    no room, or those beyond what the store gives at a time.
    """

    claimed: list[Claimed]
    refused: set[int]
    next_due: float | None = None
    crowded: bool = False


class Record(Struct):
    """Everything that the store knows of one job."""

    id: int
    status: Status
    kind: str
    queue: str
    priority: int
    args: str
    attempt: int
    max_attempts: int
    created_at: float
    run_at: float | None = None
    started_at: float | None = None
    finished_at: float | None = None
    result: str | None = None
    error: str | None = None
    progress: str | None = None
    meta: str | None = None


class WorkerInfo(Struct, frozen=True):
    """Who claims: `host` and `pid` with the process's start time say whether it still lives."""

    id: int
    host: str
    pid: int
    born: str


class Store(Protocol):
    """Where jobs live. Every method is atomic; failures are StoreError, or StoreBusy to retry."""

    def clock(self) -> float:
        """Now, in Unix seconds; the same for everybody who shares the store."""
        ...

    async def start(self) -> None:
        """Open, and create or upgrade the tables; safe with two processes at once."""
        ...

    async def aclose(self) -> None:
        """Close everything; idempotent."""
        ...

    async def insert(self, jobs: Sequence[NewJob]) -> Inserted:
        """Commit *jobs*; new ids ascend in the order of the jobs."""
        ...

    async def step(
        self,
        worker: int,
        acks: Sequence[Ack],
        want: int,
        kinds: Mapping[str, Gate],
        queues: Collection[str] | None,
        room: int = 0,
    ) -> Step:
        """In one transaction: apply *acks*, promote due jobs, claim up to *want* for *worker*.

        Claims only the given kinds (and queues; None means all) from queues that aren't paused,
        higher priority first, then by id. Gated jobs pass the gate of their kind; those with a
        limit or a rate are claimed to start at once, so at most *room* of them. A worker without
        a heartbeat on record claims nothing.
        """
        ...

    async def charge(self, job: Claimed) -> bool:
        """Count an attempt before it starts; False when the job is no longer held."""
        ...

    async def heartbeat(self, worker: WorkerInfo) -> None:
        """Say that *worker* lives; registers it the first time."""
        ...

    async def disown(self, worker: int, held: Collection[int]) -> int:
        """Queue again, uncharged, what *worker* holds on record beyond the ids in *held*.

        After a step whose answer was lost: it may have claimed jobs that nobody knows of.
        """
        ...

    async def leave(self, worker: int) -> None:
        """Forget *worker*; what it still held is queued again, uncharged."""
        ...

    async def rescue(self, lease: float, alive: Callable[[WorkerInfo], bool]) -> int:
        """Queue again what workers held whose heartbeat is older than *lease*, or not *alive*.

        Returns how many jobs. They come back as suspects; one that was charged for its attempt
        is delayed, or dead when that was its last.
        """
        ...

    async def cancel(self, id: int) -> Status | None:
        """End a job that isn't running, or ask the worker of one that is to end it.

        Returns what the job was; None when it has ended, or is unknown.
        """
        ...

    async def cancelling(self, worker: int) -> list[int]:
        """The ids of jobs that *worker* holds and that somebody wants ended."""
        ...

    async def pause(self, queue: str, paused: bool) -> None:
        """Let nobody claim from *queue*, or let them again."""
        ...

    async def paused(self) -> list[str]:
        """The names of paused queues."""
        ...

    async def report(self, progress: Sequence[tuple[int, int, str]]) -> None:
        """Keep the progress of running jobs: id, token, JSON; late ones are ignored."""
        ...

    async def memos(self, id: int) -> dict[str, str]:
        """What earlier runs of a job, and this one, have kept for the next, by name."""
        ...

    async def keep_memo(self, id: int, token: int, name: str, memo: str) -> bool:
        """Keep *memo* as long as the job is known; False when it isn't held under *token*."""
        ...

    async def retry(self, id: int) -> bool:
        """Queue a dead or cancelled job again with fresh attempts; False when it is neither."""
        ...

    async def find(self, id: int) -> Record | None:
        """One job, wherever it is."""
        ...

    async def stats(self, queue: str | None, kind: str | None) -> dict[Status, int]:
        """How many jobs stand in each status; absent ones may be left out."""
        ...

    async def prune(self, before: float, keep: int) -> int:
        """Drop done and cancelled jobs that ended before *before*, or beyond the newest *keep*.

        Dead jobs follow the same age, but never the number.
        """
        ...

    async def wait(self, seen: int, limit: float) -> int:
        """A number that differs from *seen* when there may be new work, in *limit* seconds."""
        ...

    def ring(self) -> None:
        """Wake `wait` in this process; callable from any thread."""
        ...

    async def ping(self) -> None:
        """Touch the database; raises StoreError when it can't be reached."""
        ...


@runtime_checkable
class Completing(Protocol):
    """A Transactional store whose jobs can complete in the caller's own transaction."""

    dialect: str
    # Each has one `{jobs}`, for the JSON of a list of [id, token, name, memo], and returns an id if
    # the job is held. They keep the memo, and see to it that who has the job next is suspicious.
    complete_sql: tuple[str, ...]


@runtime_checkable
class Transactional(Protocol):
    """A store whose jobs can commit with the caller's own transaction."""

    dialect: str
    # Each has one `{jobs}` where the driver's placeholder for the JSON of all jobs goes.
    insert_sql: str  # returns id
    keyed_sql: str  # the same for jobs of which some have keys: returns id, unique_key, repeats
    within_sql: str  # returns id, unique_key of ended jobs that stand in the way of unique ones

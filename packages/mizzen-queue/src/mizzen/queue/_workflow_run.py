"""A workflow that was enqueued: its jobs, its results, and how far it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from ._errors import QueueError, UnknownJob
from ._flows import flows_of
from ._handle import Handle
from ._inputs import flow_of
from ._units import Duration, seconds
from ._workflow_status import WorkflowNode, WorkflowStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._job import Call
    from ._queue import Queue
    from ._workflow import Node
    from .abc import Store

__all__ = ["WorkflowRun"]

R = TypeVar("R")
T = TypeVar("T")


class WorkflowRun(Generic[R]):
    """One enqueued workflow, by its `id`, which is that of its first job."""

    def __init__(
        self,
        owner: Queue,
        name: str,
        ids: Sequence[int],
        nodes: Sequence[Node[Any]],
        last: Sequence[Node[Any]],
        calls: Sequence[Call[Any]],
    ) -> None:
        self._owner = owner
        self.id: int = ids[0]
        self.name: str = name
        self.handles: list[Handle[Any]] = [
            Handle(owner, id, call.function.name, call.function.arguments, is_new=True)
            for id, call in zip(ids, calls, strict=True)
        ]
        """Of all jobs, in the order in which they were added."""
        self._numbers = {node.key: number for number, node in enumerate(nodes)}
        self._last = [self[node] for node in last]

    def __getitem__(self, node: Node[T]) -> Handle[T]:
        """The handle of one job."""
        try:
            return self.handles[self._numbers[node.key]]
        except KeyError:
            raise QueueError(f"{node!r} isn't in {self!r}") from None

    async def result(self, timeout: Duration | None = None) -> R:  # noqa: ASYNC109
        """Wait for the result of the last job, or the list of those of several last ones.

        Raises what Handle.result does, each after at most *timeout*.
        """
        limit = None if timeout is None else seconds(timeout)
        results = [await handle.result(limit) for handle in self._last]
        return cast("R", results[0] if len(results) == 1 else results)

    async def status(self) -> WorkflowStatus:
        """All jobs and how they are."""
        return await status_of(self._owner.store, self.id)

    async def cancel(self) -> int:
        """Cancel what hasn't ended; how many jobs. Those that wait for others go first."""
        return sum([await handle.cancel() for handle in reversed(self.handles)])

    def __repr__(self) -> str:
        return f"<mizzen.queue.WorkflowRun {self.id} {self.name!r} of {len(self.handles)} jobs>"


async def status_of(store: Store, id: int) -> WorkflowStatus:
    """How workflow *id* is; UnknownJob when there is none."""
    jobs = await flows_of(store).flow(id)
    if not jobs:
        raise UnknownJob(f"there is no workflow {id}: it never committed, or history dropped it")
    flow = flow_of(jobs[0].meta)
    nodes = [
        WorkflowNode(job.number, job.id, job.kind, job.status, job.attempt, job.error, job.after)
        for job in jobs
    ]
    return WorkflowStatus(id, flow.name if flow else "", nodes)

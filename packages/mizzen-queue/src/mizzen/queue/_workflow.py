"""Workflows: jobs that wait for others, and run with their results."""

# No `from __future__ import annotations`: see `_records`.

from collections.abc import Iterable, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

import msgspec
from msgspec import Struct

from ._errors import QueueError
from ._flows import Link
from ._job import Call
from ._placeholders import (
    ALL,
    ENDINGS,
    MARK,
    PREVIOUS,
    has_placeholders,
    keys_in,
    placeholder,
    replaced,
)
from ._workflow_run import WorkflowRun
from .abc import KeyedJob

if TYPE_CHECKING:
    from ._queue import Queue

__all__ = ["Node", "Workflow"]

R = TypeVar("R")

_keys = count(1)


class Node(Struct, Generic[R], frozen=True, rename={"key": MARK}):
    """A job of a workflow; in the arguments of another's call it stands for its result."""

    key: int

    @property
    def result(self) -> R:
        """The node itself, typed as what its job will return: `wf.add(parse(page.result))`."""
        return cast("R", self)

    def __repr__(self) -> str:
        return f"<mizzen.queue.Node {self.key}>"


class Workflow:
    """Jobs and what they wait for, made by `Queue.workflow`; nothing is stored before `enqueue`."""

    def __init__(self, owner: "Queue", name: str) -> None:
        self.owner: Queue = owner
        self.name: str = name
        self.nodes: list[Node[Any]] = []
        self._calls: dict[int, Call[Any]] = {}
        # For each job those that it waits for, and whether it runs whatever became of them.
        self._parents: dict[int, dict[int, bool]] = {}
        self._awaited: set[int] = set()
        self._run: WorkflowRun[Any] | None = None

    def add(
        self, call: Call[R], *, after: Iterable[Node[Any]] = (), anyway: bool = False
    ) -> Node[R]:
        """Add a job that runs when those are done whose results it takes, and those in *after*.

        When one of them is dead or cancelled, so is this one; with *anyway* it runs nonetheless,
        and a result that is missing is None.
        """
        if call.owner is not self.owner:
            raise QueueError(f"{call!r} belongs to another queue: enqueue it there")
        if call.function.limits.unique is not None:
            raise QueueError(
                f"{call!r} is a unique job, which may be there already and not wait: a workflow "
                "can't hold it; add a job that enqueues it"
            )
        node = Node[R](next(_keys))
        self._place(node, call, {}, list(after), anyway=anyway)
        return node

    def embed(self, other: "Workflow", after: Sequence[Node[Any]] = ()) -> list[Node[Any]]:
        """Add the jobs of *other*, its first ones after *after*; returns its last ones."""
        if other.owner is not self.owner:
            raise QueueError(f"{other!r} belongs to another queue")
        for node in other.nodes:
            if node.key in self._calls:
                raise QueueError(f"{other!r} is in {self!r} already")
            parents = other._parents[node.key]
            first = () if parents else after
            self._place(node, other._calls[node.key], parents, first, anyway=False)
        return other.last

    @property
    def last(self) -> list[Node[Any]]:
        """The jobs that no other one waits for."""
        return [node for node in self.nodes if node.key not in self._awaited]

    async def enqueue(
        self, *, priority: int | None = None, queue: str | None = None, tx: Any = None
    ) -> WorkflowRun[Any]:
        """Store all jobs, in one transaction: the caller's own with *tx* (see Call.enqueue)."""
        self.owner.require_started()
        if not self.nodes:
            raise QueueError(f"{self!r} has no jobs: add some")
        if self._run is not None:
            raise QueueError(f"{self!r} was enqueued as workflow {self._run.id}: make a new one")
        numbers = {node.key: number for number, node in enumerate(self.nodes)}
        now = self.owner.store.clock()
        jobs = [self._job(node.key, numbers, now, priority, queue) for node in self.nodes]
        links = [
            Link(numbers[child], numbers[parent], anyway)
            for child, parents in self._parents.items()
            for parent, anyway in parents.items()
        ]
        ids = await self.owner.insert_flow(jobs, links, tx)
        calls = [self._calls[node.key] for node in self.nodes]
        self._run = WorkflowRun(self.owner, self.name, ids, self.nodes, self.last, calls)
        return self._run

    def _place(
        self,
        node: Node[Any],
        call: Call[Any],
        parents: dict[int, bool],
        after: Sequence[Node[Any]],
        *,
        anyway: bool,
    ) -> None:
        args = call.args
        before = [other.key for other in after]
        if before and has_placeholders(args):
            args = replaced(args, lambda key: _resolved(call, key, before))
        needed = [key for key in keys_in(args) if key > 0]
        known = parents | dict.fromkeys((*needed, *before), anyway)
        for key in known:
            if key not in self._calls:
                raise QueueError(f"{call!r} waits for a job that isn't in {self!r}: add that first")
        self.nodes.append(node)
        self._calls[node.key] = Call(call.owner, call.function, args)
        self._awaited.update(known)
        self._parents[node.key] = parents | {key: anyway for key in known if key not in parents}

    def _job(
        self,
        key: int,
        numbers: dict[int, int],
        now: float,
        priority: int | None,
        queue: str | None,
    ) -> KeyedJob:
        call = self._calls[key]
        if (missing := set(keys_in(call.args)) & {PREVIOUS, ALL}) or (
            ENDINGS in keys_in(call.args) and not self._parents[key]
        ):
            name = {PREVIOUS: "RESULT", ALL: "RESULTS"}.get(min(missing, default=0), "OUTCOMES")
            raise QueueError(f"{call!r} comes after no job: there is nothing for {name}")
        args = replaced(
            call.args, lambda known: placeholder(numbers[known] if known > 0 else known)
        )
        job = Call(call.owner, call.function, args).job(now, None, priority, queue)
        fields: dict[str, Any] = msgspec.structs.asdict(job)
        meta = msgspec.json.decode(fields.get("meta") or "{}")
        meta["flow"] = {"name": self.name, "mark": MARK}
        if key in self._awaited:
            meta["flow"]["awaited"] = True
        fields["meta"] = msgspec.json.encode(meta).decode()
        return KeyedJob(**fields)

    def __repr__(self) -> str:
        return f"<mizzen.queue.Workflow {self.name!r} of {len(self.nodes)} jobs>"


def _resolved(call: Call[Any], key: int, before: Sequence[int]) -> str:
    if key == ALL:
        return f"[{','.join(map(placeholder, before))}]"
    if key != PREVIOUS:
        return placeholder(key)
    if len(before) > 1:
        raise QueueError(f"{call!r} comes after {len(before)} jobs: write RESULTS for the list")
    return placeholder(before[0])

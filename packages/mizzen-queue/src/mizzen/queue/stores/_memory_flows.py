"""Workflows in memory: who waits for whom, and what an end means for those who wait."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._flows import FlowJob, Parent
from ._flow_rows import because

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .._flows import Link
    from ..abc import Inserted, NewJob, Status


class _Edge:
    def __init__(self, parent: int, number: int, anyway: bool) -> None:
        self.parent, self.number, self.anyway = parent, number, anyway
        self.broke = False  # it was this edge that cancelled the child


class MemoryFlows:
    """The part of the store in memory that `mizzen.queue.abc.Flows` describes."""

    clock: Callable[[], float]
    _rows: dict[int, Any]  # records, with what the store adds to them

    def __init__(self) -> None:
        super().__init__()
        self._edges: dict[int, list[_Edge]] = {}
        self._children: dict[int, list[int]] = {}
        self._nodes: dict[int, list[int]] = {}
        self._flow_of: dict[int, int] = {}
        self._ended: list[int] = []

    async def insert(self, jobs: Sequence[NewJob]) -> Inserted:
        raise NotImplementedError

    def _queue(self, row: Any, now: float) -> None:
        raise NotImplementedError

    def _revive(self, id: int) -> bool:
        raise NotImplementedError

    async def insert_flow(self, jobs: Sequence[NewJob], links: Sequence[Link]) -> list[int]:
        ids = (await self.insert(jobs)).ids
        self._nodes[ids[0]] = ids
        self._flow_of.update(dict.fromkeys(ids, ids[0]))
        for link in links:
            child, parent = ids[link.child], ids[link.parent]
            self._edges.setdefault(child, []).append(_Edge(parent, link.parent, link.anyway))
            self._children.setdefault(parent, []).append(child)
            self._rows[child].status = "scheduled"
        return ids

    async def parents(self, id: int) -> list[Parent]:
        edges = sorted(self._edges.get(id, ()), key=lambda edge: edge.number)
        rows = [(edge.number, self._rows.get(edge.parent)) for edge in edges]
        return [
            Parent(number, row.id, row.kind, row.status, row.result, row.error)
            for number, row in rows
            if row is not None and row.finished_at is not None
        ]

    async def flow(self, id: int) -> list[FlowJob]:
        rows = [(number, self._rows.get(job)) for number, job in enumerate(self._nodes.get(id, ()))]
        return [
            FlowJob(
                number,
                row.id,
                row.kind,
                row.status,
                row.attempt,
                row.error,
                row.meta,
                sorted(edge.number for edge in self._edges.get(row.id, ())),
            )
            for number, row in rows
            if row is not None
        ]

    def _end(self, row: Any, status: Status, at: float) -> None:
        row.status, row.finished_at = status, at
        if row.id in self._children:
            self._ended.append(row.id)

    def _settle(self, now: float) -> None:
        """Queue those who waited, or cancel them, as the ends since the last time say."""
        while self._ended:
            for child in self._children.get(self._ended.pop(), ()):
                self._look_at(child, now)

    def _look_at(self, child: int, now: float) -> None:
        row = self._rows.get(child)
        if row is None or row.status != "scheduled" or row.run_at is not None:
            return
        waits = False
        for edge in self._edges[child]:
            parent = self._rows.get(edge.parent)
            if parent is not None and parent.finished_at is None:
                waits = True
            elif parent is not None and parent.status != "done" and not edge.anyway:
                edge.broke, row.error = True, because(parent.id, parent.kind, parent.status)
                self._end(row, "cancelled", now)
                return
        if not waits:
            self._queue(row, now)

    def _revived(self, id: int) -> None:
        """See to it that a job that came back waits again, and bring back those it cancelled."""
        back, now = [id], self.clock()
        while back:
            id = back.pop()
            if edges := self._edges.get(id):
                for edge in edges:
                    edge.broke = False
                self._rows[id].status = "scheduled"
                self._ended += [edge.parent for edge in edges]
            back += [
                child
                for child in self._children.get(id, ())
                for edge in self._edges[child]
                if edge.parent == id and edge.broke and self._revive(child)
            ]
        self._settle(now)

    def _is_needed(self, id: int) -> bool:
        """Whether a job waits or runs that needs the result of this one."""
        children = (self._rows.get(child) for child in self._children.get(id, ()))
        return any(row is not None and row.finished_at is None for row in children)

    def _unlink(self, id: int) -> None:
        """Forget whom a job waited for that history has dropped."""
        for edge in self._edges.pop(id, ()):
            siblings = self._children.get(edge.parent, [])
            if id in siblings:
                siblings.remove(id)
            if not siblings:
                self._children.pop(edge.parent, None)
        flow = self._flow_of.pop(id, None)
        if flow is not None and not any(job in self._flow_of for job in self._nodes[flow]):
            del self._nodes[flow]

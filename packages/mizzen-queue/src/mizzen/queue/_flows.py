"""What a store must be able to do to keep workflows; only some stores need to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from msgspec import Struct

from ._errors import QueueError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .abc import NewJob, Status, Store

__all__ = ["FlowJob", "Flows", "Link", "Parent"]


class Link(Struct, frozen=True):
    """A job of an insert waits for another, both by their place in it.

    When the parent is dead or cancelled, the child is cancelled; with `anyway` it runs nonetheless.
    """

    child: int
    parent: int
    anyway: bool = False


class Parent(Struct, frozen=True):
    """How a job ended that another waited for; `number` is its place in the workflow."""

    number: int
    id: int
    kind: str
    status: Status
    result: str | None
    error: str | None


class FlowJob(Struct, frozen=True):
    """One job of a workflow; `after` are the numbers of those that it waited for."""

    number: int
    id: int
    kind: str
    status: Status
    attempt: int
    error: str | None
    meta: str | None
    after: list[int]


@runtime_checkable
class Flows(Protocol):
    """A store that keeps workflows, whose id is that of their first job.

    A job that waits for others is scheduled without a time. In the transaction that ends a parent
    it is noted for its children, and no later than at the next step those that wait for nothing
    else are queued, and those that can't run any more cancelled, as if by their parent. When a
    parent is retried, what its end cancelled waits again. History keeps what waiting jobs need.
    """

    async def insert_flow(self, jobs: Sequence[NewJob], links: Sequence[Link]) -> list[int]:
        """Commit *jobs*, of which those that are linked to a parent wait; returns their ids.

        The `meta` of each job that others wait for contains `"awaited"`.
        """
        ...

    async def parents(self, id: int) -> list[Parent]:
        """How those ended that job *id* waited for, by number."""
        ...

    async def flow(self, id: int) -> list[FlowJob]:
        """The jobs of a workflow that are known, by number."""
        ...


def flows_of(store: Store) -> Flows:
    """*store*, if it can keep workflows."""
    if not isinstance(store, Flows):
        raise QueueError(f"{type(store).__name__} keeps no workflows")
    return store

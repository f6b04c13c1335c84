"""How a workflow is, for those who look at it.

No `from __future__ import annotations` here: types of fields are looked up in the module that a
class says it is from, and these say the public one.
"""

from collections import Counter

from msgspec import Struct

from .abc import Status

__all__ = ["WorkflowNode", "WorkflowStatus"]


class WorkflowNode(Struct, frozen=True):
    """One job of a workflow; `after` are the numbers of those that it waits for."""

    number: int
    id: int
    kind: str
    status: Status
    attempt: int
    error: str | None
    after: list[int]


class WorkflowStatus(Struct, frozen=True):
    """How a workflow is: its jobs by number, each with the numbers of those it comes `after`.

    A job that waits for others is `scheduled`.
    """

    id: int
    name: str
    nodes: list[WorkflowNode]

    @property
    def counts(self) -> dict[str, int]:
        """How many jobs stand in each status."""
        return dict(Counter(node.status for node in self.nodes))

    @property
    def has_ended(self) -> bool:
        """Whether no job waits or runs any more."""
        return self.counts.keys() <= {"done", "dead", "cancelled"}

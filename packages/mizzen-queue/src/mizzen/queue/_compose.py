"""The usual shapes of workflows: one after the other, side by side, and what follows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._errors import QueueError
from ._job import Call
from ._workflow import Node, Workflow

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["batch", "chain", "chord", "group"]

Step = Call[Any] | Workflow


def chain(*steps: Call[Any] | Workflow, name: str = "chain") -> Workflow:
    """Each step after the one before it, whose result stands for RESULT in its calls.

    A step may be a workflow, such as a group; the results of its last jobs stand for RESULTS.
    """
    flow = _empty(steps, name)
    last: list[Node[Any]] = []
    for step in steps:
        last = _append(flow, step, last)
    return flow


def group(steps: Iterable[Call[Any] | Workflow], *, name: str = "group") -> Workflow:
    """All steps side by side; its result is the list of theirs."""
    wanted = list(steps)
    flow = _empty(wanted, name)
    for step in wanted:
        _append(flow, step, [])
    return flow


def chord(
    steps: Iterable[Call[Any] | Workflow], callback: Call[Any], *, name: str = "chord"
) -> Workflow:
    """All steps side by side, and then *callback* with their RESULTS."""
    return chain(group(steps), callback, name=name)


def batch(
    steps: Iterable[Call[Any] | Workflow],
    *,
    on_success: Call[Any] | None = None,
    on_complete: Call[Any] | None = None,
    name: str = "batch",
) -> Workflow:
    """All steps side by side; *on_success* if and when all are done, *on_complete* anyway.

    The first may take their RESULTS, the second their OUTCOMES. When a dead step is retried and
    succeeds, *on_success* runs then.
    """
    flow = group(steps, name=name)
    last = flow.last
    if on_success is not None:
        flow.add(on_success, after=last)
    if on_complete is not None:
        flow.add(on_complete, after=last, anyway=True)
    return flow


def _empty(steps: Iterable[Call[Any] | Workflow], name: str) -> Workflow:
    for step in steps:
        return step.owner.workflow(name)
    raise QueueError(f"a {name} needs at least one job")


def _append(flow: Workflow, step: Call[Any] | Workflow, after: list[Node[Any]]) -> list[Node[Any]]:
    if isinstance(step, Workflow):
        return flow.embed(step, after)
    return [flow.add(step, after=after)]

"""Workflows as users write them; type-checked, never run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_type

from mizzen.queue import (
    OUTCOMES,
    RESULT,
    RESULTS,
    Handle,
    Node,
    Outcome,
    Queue,
    Workflow,
    WorkflowNode,
    WorkflowRun,
    WorkflowStatus,
    batch,
    chain,
    chord,
    group,
)

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

q = Queue("sqlite:///app.db")


@q.job
async def fetch(url: str) -> str:
    return url


@q.job
def count(text: str, times: int = 1) -> int:
    return len(text) * times


@q.job
async def total(counts: list[int]) -> int:
    return sum(counts)


@q.job
async def tell(outcomes: list[Outcome]) -> None:
    print(outcomes)


async def use(session: AsyncSession) -> None:
    flow = q.workflow("import")
    assert_type(flow, Workflow)
    page = flow.add(fetch("a"))
    assert_type(page, Node[str])
    assert_type(page.result, str)
    found = flow.add(count(page.result, times=2), after=[page])
    flow.add(total([found.result]), anyway=True)
    run = await flow.enqueue(tx=session, priority=1, queue="slow")
    assert_type(run, WorkflowRun[Any])
    assert_type(run[found], Handle[int])
    assert_type(await run[found].result(timeout=5), int)
    assert_type(run.handles, list[Handle[Any]])
    assert_type(await run.cancel(), int)
    status = await q.workflow_status(run.id)
    assert_type(status, WorkflowStatus)
    assert_type(status.nodes, list[WorkflowNode])
    assert_type(status.counts, dict[str, int])

    assert_type(chain(fetch("a"), count(RESULT)), Workflow)
    parts = group(chain(fetch(url), count(RESULT)) for url in ("a", "b"))
    assert_type(chain(parts, total(RESULTS), name="parts"), Workflow)
    assert_type(chord([count("a")], total(RESULTS)), Workflow)
    assert_type(
        batch([count("a")], on_success=total(RESULTS), on_complete=tell(OUTCOMES)), Workflow
    )

    count(found.result)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

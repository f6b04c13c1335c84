"""The queue's workflows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._flows import Link
    from ._workflow import Workflow
    from ._workflow_status import WorkflowStatus
    from .abc import Inserted, NewJob, Store


class Composing:
    """The part of a queue that is about jobs which wait for others."""

    store: Store

    def require_started(self) -> None:
        """Raise NotStarted unless the store is open."""
        raise NotImplementedError

    async def _insert(
        self, jobs: Sequence[NewJob], tx: Any, links: Sequence[Link] | None = None
    ) -> Inserted:
        raise NotImplementedError

    def workflow(self, name: str = "workflow") -> Workflow:
        """Jobs that wait for one another: `add` calls to it, and `enqueue` them all at once."""
        from ._queue import as_queue
        from ._workflow import Workflow

        return Workflow(as_queue(self), name)

    async def workflow_status(self, id: int) -> WorkflowStatus:
        """How the jobs of a workflow are, by its id; UnknownJob when there is none."""
        from ._workflow_run import status_of

        self.require_started()
        return await status_of(self.store, id)

    async def insert_flow(
        self, jobs: Sequence[NewJob], links: Sequence[Link], tx: Any
    ) -> list[int]:
        """Store the jobs of a workflow in one transaction; see Workflow.enqueue."""
        return (await self._insert(jobs, tx, links)).ids

"""What is to be told when a transaction ends: kept until the outermost commit.

A savepoint that is rolled back takes what was written in it out again. A transaction holds one
`CommitQueue`, its savepoints hold marks of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .callbacks import ENDINGS, callbacks_of, raise_together

if TYPE_CHECKING:
    from collections.abc import Collection


class Written(NamedTuple):
    """One write: which object, create/update/destroy, and the names of the fields written."""

    instance: object
    action: str
    changed: frozenset[str]


class CommitQueue:
    """The writes of one transaction that somebody wants to hear of at its end."""

    def __init__(self) -> None:
        self._written: list[Written] = []

    def __len__(self) -> int:
        return len(self._written)

    def add(self, instance: object, action: str, changed: Collection[str] = ()) -> None:
        """Remember a write, if its model listens to the end of transactions."""
        callbacks = callbacks_of(type(instance))
        if callbacks and callbacks.has(*ENDINGS):
            self._written.append(Written(instance, action, frozenset(changed)))

    def mark(self) -> int:
        """Return where a savepoint begins, for `roll_back_to`."""
        return len(self._written)

    async def committed(self) -> None:
        """Run after_commit for every object once, after the outermost commit."""
        await self._tell("after_commit", self._take(0))

    async def rolled_back(self) -> None:
        """Run after_rollback for every object once, after the outermost rollback."""
        await self._tell("after_rollback", self._take(0))

    async def roll_back_to(self, mark: int) -> None:
        """Run after_rollback for what was written since *mark*, and forget it."""
        await self._tell("after_rollback", self._take(mark))

    def _take(self, start: int) -> list[Written]:
        # Taken out first: a callback that writes starts a transaction, and a queue, of its own.
        taken, self._written = self._written[start:], self._written[:start]
        return merged(taken)

    async def _tell(self, event: str, written: list[Written]) -> None:
        errors: list[Exception] = []
        for instance, action, changed in written:
            try:
                callbacks = callbacks_of(type(instance))
                await callbacks.run(event, instance, changed=changed, action=action)
            except Exception as error:
                errors.append(error)
        if errors:
            raise_together(errors, event)


def merged(written: list[Written]) -> list[Written]:
    """Return one entry for each object, in order of its first write.

    Created and then updated is created; whatever is destroyed in the end is destroyed.
    """
    found: dict[int, Written] = {}
    for instance, action, changed in written:
        before = found.get(id(instance))
        if before is not None:
            changed |= before.changed
            if before.action == "create" and action == "update":
                action = "create"
        found[id(instance)] = Written(instance, action, changed)
    return list(found.values())

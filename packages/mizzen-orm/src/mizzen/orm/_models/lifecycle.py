"""What the write of one object goes through: its callbacks, around the statement.

    before_validate, after_validate, before_save, before_create | before_update,
        INSERT | UPDATE,
    after_create | after_update, after_save

    before_destroy, DELETE, after_destroy

All of it is one transaction (a savepoint inside another): what a callback raises takes the write
back. `after_commit` and `after_rollback` follow at the outermost end, see `_connections.written`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._connections import sessions
from .callbacks import callbacks_of
from .dirty import changes_of, holds_relations, previous_changes_of
from .hydration import state_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection

    from .._core import Core
    from .._events.change import Action
    from .model import Model

    Began = tuple[Model, Action]
    Step = Callable[[Model, Core], Awaitable[None]]


async def save(instance: Model, database: Core, write: Step) -> None:
    """Run *write*, which saves *instance* and what it refers to, with the callbacks of all."""
    began: dict[int, Began] = {}
    async with sessions.transaction(database):
        try:
            await _before(instance, began)
            await write(instance, database)
            for one, action in began.values():
                changed = previous_changes_of(one)
                await _run(one, f"after_{action}", changed, action)
                await _run(one, "after_save", changed, action)
        except BaseException:
            # after_rollback cleans up what before_save did, even if nothing was written.
            sessions.writing(database).expect_rollback(began.values())
            raise


async def destroy(instance: Model, database: Core, write: Step) -> None:
    """Run *write*, which deletes *instance*, with its callbacks."""
    async with sessions.transaction(database):
        await _run(instance, "before_destroy", (), "destroy")
        await write(instance, database)
        await _run(instance, "after_destroy", (), "destroy")


def has_callbacks(instance: Model) -> bool:
    """Return whether a save runs a callback, of this object or of one that it saves along."""
    if callbacks_of(type(instance)):
        return True
    return any(callbacks_of(type(one)) for one in along(instance))


async def _before(instance: Model, began: dict[int, Began]) -> None:
    """Run what comes before the write, and note the objects that are written, and how."""
    # A callback may attach or change another object: that one has its turn, too.
    while waiting := [one for one in (instance, *along(instance)) if id(one) not in began]:
        for one in waiting:
            action: Action = "create" if state_of(one).key is None else "update"
            began[id(one)] = (one, action)
            for event in ("before_validate", "after_validate", "before_save", f"before_{action}"):
                await _run(one, event, changes_of(one), action)


def along(instance: Model) -> list[Model]:
    """Return the new and changed objects that a save of *instance* saves, too."""
    if not holds_relations(instance):
        return []
    state = state_of(instance)
    related = (row[0] for row in state.mapper.cascade_iterator("save-update", state))
    return [
        one
        for one in related
        if one is not instance and (state_of(one).key is None or changes_of(one))
    ]


async def _run(instance: Model, event: str, changed: Collection[str], action: str) -> None:
    found = callbacks_of(type(instance))
    if found.has(event):
        await found.run(event, instance, changed=changed, action=action)

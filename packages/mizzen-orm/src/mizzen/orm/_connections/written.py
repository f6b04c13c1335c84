"""What a transaction has written: told when it is committed, taken back from objects when not.

SQLAlchemy's own flush says what it wrote, cascades and a user's `session.add` included. A
savepoint holds a mark; rolled back, it takes out what was written since.
"""

from __future__ import annotations

import logging
from copy import deepcopy
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from sqlalchemy import event
from sqlalchemy.orm import make_transient, make_transient_to_detached
from sqlalchemy.orm.attributes import set_committed_value

from .._events.change import Change
from .._models import dirty
from .._models.commit_callbacks import CommitQueue
from .._models.hydration import mapper_of, state_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.ext.asyncio import AsyncSession
    from sqlalchemy.orm import Session

    from .._core import Core
    from .._events.change import Action
    from .._models.model import Model

_log = logging.getLogger("mizzen.orm.callbacks")


class Write(NamedTuple):
    """One object's write, as the flush did it."""

    instance: Any
    action: Action
    changes: dirty.Differences


class Mark(NamedTuple):
    """Where a savepoint begins."""

    writes: int
    changes: int
    told: int


class Written:
    """The writes of one transaction."""

    def __init__(self, *, listened: bool = False) -> None:
        self._writes: list[Write] = []
        self._changes: list[Change] = []
        self._callbacks = CommitQueue()
        self._listened = listened

    def watch(self, session: AsyncSession) -> None:
        """Take note of every flush of *session*."""
        event.listen(session.sync_session, "after_flush", self._flushed)

    def add(self, write: Write) -> None:
        """Take note of one object's write."""
        self._writes.append(write)
        self._callbacks.add(write.instance, write.action, write.changes)
        if self._listened:
            self._changes.append(change_of(write))

    def expect_rollback(self, began: Iterable[tuple[Model, Action]]) -> None:
        """Let the `after_rollback` callbacks of writes that failed hear of it."""
        for instance, action in began:
            self._callbacks.add(instance, action)

    def add_created(self, model: type[Model], made: list[Any]) -> None:
        """Take note of objects inserted in bulk: no callbacks, one change for all."""
        self._writes += [Write(instance, "create", {}) for instance in made]
        self.add_bulk(model, "create", len(made))

    def add_bulk(self, model: type[Model], action: Action, rows: int) -> None:
        """Take note of a statement that wrote many rows."""
        if self._listened and rows:
            self._changes.append(Change(model, action, rows=rows))

    def mark(self) -> Mark:
        """Return where a savepoint begins, for `roll_back_to`."""
        return Mark(len(self._writes), len(self._changes), self._callbacks.mark())

    async def roll_back_to(self, mark: Mark, error: BaseException) -> None:
        """Forget what was written since *mark*; `after_rollback` callbacks hear of it."""
        for instance, action, _ in self._writes[mark.writes :]:
            if action == "create":
                dirty.forget_keys(instance)
        del self._writes[mark.writes :]
        del self._changes[mark.changes :]
        await self._tell_failure(mark.told, error)

    async def committed(self, database: Core) -> None:
        """Tell the listeners, then the `after_commit` callbacks; raises what these raise."""
        if database.caching is not None:
            await database.caching.committed(self)
        if self._changes:
            await database.feed.publish(self._changes)
        await self._callbacks.committed()

    async def rolled_back(self, error: BaseException) -> None:
        """Tell the `after_rollback` callbacks."""
        await self._tell_failure(0, error)

    def take_back(self) -> None:
        """Make objects what they were: new ones new, and changes still to be saved."""
        for instance, action, changes in reversed(self._writes):
            if action == "update":
                if state_of(instance).session is None:
                    dirty.unsave(instance, changes)
            elif action == "create":
                if state_of(instance).key is not None:
                    make_transient(instance)
                dirty.forget_keys(instance)
            elif "deleted_at" in changes:  # marked, see SoftDelete
                dirty.unsave(instance, changes)
                set_committed_value(instance, "deleted_at", None)
            elif state_of(instance).key is None or state_of(instance).was_deleted:
                make_transient(instance)
                make_transient_to_detached(instance)

    async def _tell_failure(self, start: int, error: BaseException) -> None:
        try:
            await self._callbacks.roll_back_to(start)
        except Exception as more:
            # What made the transaction fail is what its caller has to know.
            error.add_note(f"and an after_rollback callback failed: {more!r}")
            _log.exception("an after_rollback callback failed")

    def _flushed(self, session: Session, _context: object) -> None:
        for instance in session.new:
            self.add(Write(instance, "create", _created(instance)))
        for instance in session.dirty:
            if session.is_modified(instance) and (changes := _updated(instance)):
                self.add(Write(instance, "destroy" if _marked(instance) else "update", changes))
        for instance in session.deleted:
            self.add(Write(instance, "destroy", {}))


def change_of(write: Write) -> Change:
    """Return a write as listeners get it."""
    instance, action, changes = write
    # Copies: who hears of it later shall see what was written, and change nobody's object.
    after = deepcopy(dirty.values_of(instance))
    before = {**after, **{name: deepcopy(old) for name, (old, _) in changes.items()}}
    return Change(
        type(instance),
        action,
        dirty.key_of(instance),
        None if action == "create" else before,
        None if action == "destroy" else after,
    )


def _marked(instance: Any) -> bool:
    """Return whether an update marks the row as deleted, see SoftDelete."""
    model = cast("Any", type(instance))
    if not model.__soft_delete__:
        return False
    return dirty.changes_of(instance).get("deleted_at", (None, None))[1] is not None


def _created(instance: Model) -> dirty.Differences:
    made = {name: (None, new) for name, new in dirty.values_of(instance).items()}
    dirty.remember(instance, made)
    return made


def _updated(instance: Model) -> dirty.Differences:
    changes = dirty.changes_of(instance)
    mapper = mapper_of(type(instance))
    if changes and mapper.version_id_col is not None:
        name: str = mapper.get_property_by_column(mapper.version_id_col).key
        new: int = vars(instance)[name]
        changes[name] = (new - 1, new)
    dirty.remember(instance, changes)
    return changes

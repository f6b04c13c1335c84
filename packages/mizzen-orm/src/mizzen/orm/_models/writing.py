"""How objects reach the database: through SQLAlchemy's unit of work, in the ambient transaction.

An object may come from anywhere: fresh, read outside any session, or held by another session.
`_adopt` brings it, and what it refers to, into the session that writes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

from sqlalchemy import inspect, literal, select
from sqlalchemy.orm.attributes import manager_of_class, set_attribute, set_committed_value
from sqlalchemy.orm.exc import StaleDataError

from .._connections import sessions
from .._connections.written import Write, change_of
from .._core import current
from .._errors import NotFound, OrmError, Stale
from .._fields import in_place
from .._queries import filters
from .._relations.given import refuse_others
from .._relations.polymorphic import assign
from .._relations.through import refuse_assignment
from . import dirty, fresh_objects, known, lifecycle, straight_writing, twins
from .callbacks import callbacks_of
from .family import lock_of
from .hydration import has_state, mapper_of, state_of
from .turns import turn
from .validation import Validated, validate_fields

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.ext.asyncio import AsyncSession

    from .._core import Core
    from .._events.change import Action
    from .model import Model

M = TypeVar("M", bound="Model")


def fill(instance: Model, good: Validated) -> None:
    """Put validated values into a new instance."""
    # A new object has no history to keep: setting attributes one by one costs five times as much.
    vars(instance).update(good.values)
    object.__setattr__(instance, "_read", False)
    object.__setattr__(instance, "__pydantic_fields_set__", set(good.given))
    object.__setattr__(instance, "__pydantic_private__", good.private)
    for name, value in good.related.items():
        relate(instance, name, value)


def relate(instance: Model, name: str, value: Any) -> None:
    """Set a relation, to models only."""
    refuse_assignment(type(instance), name)
    refuse_others(type(instance), name, value)
    if (polymorphic := type(instance).__polymorphic__.get(name)) is not None:
        assign(instance, polymorphic, value)
    else:
        set_attribute(instance, name, value)


def change(instance: Model, changes: Mapping[str, Any]) -> None:
    """Set several fields and relations at once, or none when one is bad."""
    relations = type(instance).__sqlmodel_relationships__
    fields = {name: value for name, value in changes.items() if name not in relations}
    good = validate_fields(type(instance), vars(instance), fields)
    for name in changes:
        if name in relations:
            relate(instance, name, changes[name])
        else:
            set_attribute(instance, name, good[name])
            instance.__pydantic_fields_set__.add(name)


async def create(model: type[M], values: dict[str, Any], *, plainly: bool) -> M:
    """Insert one row and return its object; *plainly*, unless the model has a `save` of its own."""
    known.require(model)
    if not (plainly and _is_only_a_row(model)):
        return await model(**values).save()
    # Such an object gets what SQLAlchemy keeps about it when somebody asks: 12 µs, and 5 without.
    made: M = fresh_objects.unfinished(model, values)
    database = current()
    if not has_state(made) and await straight_writing.created(made, database):
        await _tell(database, made, "create")
        return made
    fresh_objects.complete(model, [made])
    return await made.save()


async def save(instance: Model) -> None:
    """Insert or update one object and what it newly refers to."""
    _require_current(instance)
    if state_of(instance).was_deleted:
        raise _gone(instance)
    database = current()
    inside = in_place.flag(instance)
    dirty.begin_save(instance)
    callbacks = lifecycle.has_callbacks(instance)
    if not callbacks and await _save_straight(instance, database, inside):
        return
    is_new = state_of(instance).key is None
    async with turn(instance, database):
        if is_new and state_of(instance).key is not None and not dirty.changes_of(instance):
            return  # another task has saved it, along with its own
        along = lifecycle.along(instance)
        for one in along:
            in_place.flag(one)
        kept = dirty.Kept((instance, *along))
        try:
            await (
                lifecycle.save(instance, database, flush)
                if callbacks
                else flush(instance, database)
            )
        except BaseException:
            kept.give_back()
            raise


async def destroy(instance: Model) -> None:
    """Delete one object's row."""
    database = current()
    async with turn(instance, database):
        if inspect(instance).key is None or inspect(instance).was_deleted:
            raise _gone(instance)
        kept = dirty.Kept((instance,))
        try:
            if callbacks_of(type(instance)):
                await lifecycle.destroy(instance, database, _delete)
            else:
                await _delete(instance, database)
        except BaseException:
            kept.give_back()
            raise


def _is_only_a_row(model: type[Any]) -> bool:
    """Return whether nothing but validation and an INSERT belongs to the making of a new row."""
    return (
        model.__tenant_key__ is None and not callbacks_of(model) and fresh_objects.is_quick(model)
    )


async def _save_straight(instance: Model, database: Core, inside: dirty.Differences) -> bool:
    """Write one object without a session, if that can be."""
    is_new = state_of(instance).key is None
    changes = {} if is_new else dirty.changes_of(instance, inside)
    rows = await straight_writing.saved(instance, database, changes)
    if rows is None:
        return False
    if rows == 0:
        raise _gone(instance)
    await _tell(database, instance, "create" if is_new else "update", changes)
    return True


async def _tell(
    database: Core, instance: Model, action: Action, changes: dirty.Differences | None = None
) -> None:
    """Keep and publish what was committed."""
    database.count("transactions_total")
    if action == "create":
        changes = {name: (None, value) for name, value in dirty.values_of(instance).items()}
    if changes:
        dirty.remember(instance, changes)
        if database.feed:
            await database.feed.publish([change_of(Write(instance, action, changes))])


async def flush(instance: Model, database: Core) -> None:
    """Write one object and what it newly refers to through a session, without callbacks."""
    async with sessions.writer(database) as session:
        await _adopt(instance, session)
        try:
            await session.flush()
        except StaleDataError as error:
            raise _overtaken(instance) from error


async def _delete(instance: Model, database: Core) -> None:
    async with sessions.writer(database) as session:
        if not await _is_there(instance, session):  # SQLAlchemy only warns
            raise _overtaken(instance)
        await _adopt(instance, session)
        await session.delete(instance)
        try:
            await session.flush()
        except StaleDataError as error:
            raise _overtaken(instance) from error


async def reload(instance: Model, *, lock: Mapping[str, Any] | None = None) -> None:
    """Read one object's columns again, with *lock* as SQLAlchemy's options of FOR UPDATE."""
    model = type(instance)
    identity = inspect(instance).identity
    if identity is None:
        raise _gone(instance)
    async with sessions.reader(current()) as session:
        # Changes that were not saved are dropped, not flushed on the way.
        with session.no_autoflush:
            options: dict[str, Any] = {"with_for_update": lock_of(model, lock)} if lock else {}
            fresh = await session.get(model, identity, populate_existing=True, **options)
        if fresh is None:
            raise _gone(instance)
        if fresh is not instance:
            for column in inspect(model).column_attrs:
                set_committed_value(instance, column.key, getattr(fresh, column.key))
    in_place.keep(instance)


async def _adopt(instance: Model, session: AsyncSession) -> None:
    _require_current(instance)
    state = inspect(instance)
    related = [row[2] for row in state.mapper.cascade_iterator("save-update", state)]
    if twins.put_in_place((state, *related)):
        related = [row[2] for row in state.mapper.cascade_iterator("save-update", state)]
    for other in (state, *related):
        held_by = other.session
        if held_by is not None and held_by is not session.sync_session:
            held_by.expunge(other.obj())
        twin = session.identity_map.get(other.key) if other.key is not None else None
        if twin is not None and twin is not other.obj():
            # The same row was read twice; the one being written now speaks for it.
            if inspect(twin).modified:
                await session.flush()
            session.expunge(twin)
    session.add(instance)


async def _is_there(instance: Model, session: AsyncSession) -> bool:
    model, key = type(instance), inspect(instance).identity or ()
    columns = mapper_of(model).primary_key
    wanted = (column == part for column, part in zip(columns, key, strict=True))
    asked = select(literal(True)).select_from(model).where(*wanted)
    if model.__soft_delete__:
        asked = filters.with_deleted(asked, model)
    return await session.scalar(asked) is True


def _require_current(instance: Model) -> None:
    model = type(instance)
    if state_of(instance).manager is not cast("object", manager_of_class(model)):
        raise OrmError(
            f"this {model.__name__} was made before the model (or one related to it) was defined "
            "again: read it again.",
        )


def _overtaken(instance: Model) -> OrmError:
    """Return why a write met no row: another has changed it since it was read, or it is gone."""
    name = type(instance).__name__
    if inspect(instance).identity is None:
        return NotFound(
            f"a changed row that this new {name} refers to is gone, or is another database's.",
            model=name,
        )
    if state_of(instance).mapper.version_id_col is None:
        return _gone(instance)
    return Stale(
        f"the {name} {_key_text(inspect(instance).identity or ())} was changed or deleted by "
        "somebody else since it was read: reload() it, and decide again.",
        model=name,
    )


def _gone(instance: Model) -> NotFound:
    state = inspect(instance)
    name = type(instance).__name__
    if state.identity is None:
        return NotFound(f"this {name} was never saved: save it first.", model=name)
    return NotFound(f"the {name} {_key_text(state.identity)} is gone.", model=name)


def _key_text(identity: tuple[Any, ...]) -> str:
    return repr(identity[0] if len(identity) == 1 else identity)

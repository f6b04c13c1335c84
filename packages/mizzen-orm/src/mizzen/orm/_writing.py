"""How objects reach the database: through SQLAlchemy's unit of work, in the ambient transaction.

An object may come from anywhere: fresh, read outside any session, or held by another session.
`_adopt` brings it, and what it refers to, into the session that writes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import insert, inspect
from sqlalchemy.orm import Mapper, make_transient_to_detached
from sqlalchemy.orm.attributes import manager_of_class, set_attribute, set_committed_value
from sqlalchemy.orm.exc import StaleDataError

from . import _sessions
from ._database import current
from ._errors import Invalid, NotFound, OrmError
from ._validation import Validated, validate, validate_fields

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy.ext.asyncio import AsyncSession

    from ._database import Database
    from ._model import Model

_ROWS_A_STATEMENT = 500


def fill(instance: Model, good: Validated) -> None:
    """Put validated values into a new instance."""
    for name, value in good.values.items():
        set_attribute(instance, name, value)
    object.__setattr__(instance, "__pydantic_fields_set__", set(good.given))
    object.__setattr__(instance, "__pydantic_private__", good.private)
    for name, value in good.related.items():
        relate(instance, name, value)


def relate(instance: Model, name: str, value: Any) -> None:
    """Set a relation, to models only."""
    from ._model import Model

    many = isinstance(value, list | tuple | set)
    others = cast("list[object]", value) if many else [value]
    for other in others:
        if other is not None and not isinstance(other, Model):
            model = type(instance).__name__
            message = f"takes models, not {type(other).__name__}"
            raise Invalid(
                f"{model} is not valid: {name}: {message}",
                model=model,
                errors=[{"field": name, "message": message, "type": "model_type"}],
            )
    set_attribute(instance, name, value)


def change(instance: Model, changes: Mapping[str, Any]) -> None:
    """Set several fields and relations at once, or none when one is bad."""
    relations = type(instance).__sqlmodel_relationships__
    fields = {name: value for name, value in changes.items() if name not in relations}
    good = validate_fields(type(instance), instance.__dict__, fields)
    for name in changes:
        if name in relations:
            relate(instance, name, changes[name])
        else:
            set_attribute(instance, name, good[name])
            instance.__pydantic_fields_set__.add(name)


async def save(instance: Model) -> None:
    """Insert or update one object and what it newly refers to."""
    async with _sessions.writer(current()) as session:
        await _adopt(instance, session)
        try:
            await session.flush()
        except StaleDataError as error:
            raise _gone(instance) from error


async def destroy(instance: Model) -> None:
    """Delete one object's row."""
    if inspect(instance).key is None:
        raise _gone(instance)
    async with _sessions.writer(current()) as session:
        await _adopt(instance, session)
        await session.delete(instance)
        try:
            await session.flush()
        except StaleDataError as error:
            raise _gone(instance) from error


async def reload(instance: Model) -> None:
    """Read one object's columns again."""
    model = type(instance)
    identity = inspect(instance).identity
    if identity is None:
        raise _gone(instance)
    async with _sessions.reader(current()) as session:
        fresh = await session.get(model, identity, populate_existing=True)
        if fresh is None:
            raise _gone(instance)
        if fresh is not instance:
            for column in inspect(model).column_attrs:
                set_committed_value(instance, column.key, getattr(fresh, column.key))


async def insert_all(
    model: type[Any], rows: Iterable[Any], database: Database | None = None
) -> list[Any]:
    """Insert many rows, validated first; relations are not followed."""
    made = [row if isinstance(row, model) else model(validate(model, dict(row))) for row in rows]
    if not made:
        return made
    mapper: Mapper[Any] = inspect(model)
    columns = [attribute.key for attribute in mapper.column_attrs]
    keys = [mapper.get_property_by_column(column).key for column in mapper.primary_key]
    database = database or current()
    async with _sessions.writer(database) as session:
        for start in range(0, len(made), _ROWS_A_STATEMENT):
            part = made[start : start + _ROWS_A_STATEMENT]
            values = [_row(instance, columns, keys) for instance in part]
            if len(keys) > 1:
                await session.execute(insert(model), values)
                continue
            statement = insert(model).returning(
                getattr(model, keys[0]), sort_by_parameter_order=True
            )
            for instance, key in zip(part, await session.scalars(statement, values), strict=True):
                set_attribute(instance, keys[0], key)
        for instance in made:
            _settle(instance)
        if (frame := _sessions.ambient(database)) is not None:
            frame.created += made  # new again, should the transaction fail
    return made


def _row(instance: Model, columns: list[str], keys: list[str]) -> dict[str, Any]:
    held = instance.__dict__
    return {
        name: held[name]
        for name in columns
        if name in held and not (name in keys and held[name] is None)
    }


def _settle(instance: Model) -> None:
    # The row is in the database: from here on the object is one that was read, not a new one.
    state = inspect(instance)
    if state.key is None and state.session is None:
        held = dict(state.dict)
        make_transient_to_detached(instance)
        for name, value in held.items():
            if name in state.mapper.column_attrs:
                set_committed_value(instance, name, value)


async def _adopt(instance: Model, session: AsyncSession) -> None:
    _require_current(instance)
    state = inspect(instance)
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


def _require_current(instance: Model) -> None:
    model = type(instance)
    if inspect(instance).manager is not cast("object", manager_of_class(model)):
        raise OrmError(
            f"this {model.__name__} was made before the model (or one related to it) was defined "
            "again: read it again.",
        )


def _gone(instance: Model) -> NotFound:
    state = inspect(instance)
    name = type(instance).__name__
    if state.identity is None:
        return NotFound(f"this {name} was never saved: save it first.", model=name)
    return NotFound(f"the {name} {_key_text(state.identity)} is gone.", model=name)


def _key_text(identity: tuple[Any, ...]) -> str:
    return repr(identity[0] if len(identity) == 1 else identity)

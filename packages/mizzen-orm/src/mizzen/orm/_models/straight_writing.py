"""One object's INSERT or UPDATE, straight to the driver and committed by itself.

Only for an object that stands alone: what is related to it, open transactions and columns that
SQLAlchemy computes are the session's, in `writing`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, cast

from sqlalchemy import bindparam, insert, update
from sqlalchemy.orm.attributes import set_attribute

from .._connections.direct import UNFIT, Prepared, unfit
from .._queries.fetching import straight_to
from .._tenancy.column import require_own
from . import hydration
from .hydration import mapper_of, state_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .._connections.direct import Straight
    from .._database import Database
    from .model import Model

_UNSET = object()
_EXPRESSIONS: dict[type, bool] = {}  # by kind of value
_KINDS = 1000
_MARK = "v_"  # SQLAlchemy keeps parameters called like columns for itself


class Change(NamedTuple):
    """An INSERT or UPDATE of certain columns."""

    sql: str
    order: tuple[str, ...]  # the values' names, in the order of the parameters
    bound: tuple[str, ...] | None  # the parameters' names, where the driver wants names
    to_driver: dict[str, Callable[[Any], Any]]
    returned: Sequence[tuple[str, Any]]  # fields that the database fills, and their types


async def saved(instance: Model, database: Database) -> int | None:
    """Insert or update *instance*; return the rows changed, or None if it needs a session."""
    model = type(instance)
    straight = straight_to(database, model)
    if straight is None or not stands_alone(instance):
        return None
    if model.__tenant_key__ is not None:
        require_own(instance, model.__tenant_key__)
    state = state_of(instance)
    if state.key is None:
        names = inserted(model, vars(instance))
        if names is None:
            return None
        await _insert(straight, database, instance, names)
        return 1
    if not state.committed_state:
        return 1  # nothing to write, as a flush would find
    changes = _changed(model, instance, state.committed_state)
    if changes is None:
        return None
    return await _update(straight, database, instance, changes, state.key[1])


async def _insert(
    straight: Straight, database: Database, instance: Model, names: tuple[str, ...]
) -> None:
    plan = insertion(straight, type(instance), names)
    sent = dict(vars(instance))
    with database.explained():
        answer = await straight.write(_filled(plan, sent))
    written: dict[str, Any] = {}
    if plan.returned:
        for (name, kind), value, code in zip(
            plan.returned, answer.rows[0], answer.codes, strict=True
        ):
            convert = straight.compiler.from_driver(kind, code[1])
            written[name] = value if convert is None else convert(value)
    _settle(instance, sent, written)


async def _update(
    straight: Straight,
    database: Database,
    instance: Model,
    changes: dict[str, Any],
    identity: tuple[Any, ...],
) -> int:
    names = tuple(changes)
    plan = straight.shapes.get((type(instance), "update", names))
    if plan is None:
        plan = _update_plan(straight, type(instance), names)
        straight.shapes[type(instance), "update", names] = plan
    keys = {f"key_{number}": part for number, part in enumerate(identity)}
    sent = dict(vars(instance))
    with database.explained():
        answer = await straight.write(_filled(plan, {**changes, **keys}))
    if answer.rowcount:
        _settle(instance, sent, changes)
    return answer.rowcount


def _settle(instance: Model, sent: dict[str, Any], written: dict[str, Any]) -> None:
    """Let *instance* hold what was written; what was assigned meanwhile is still to be saved."""
    held = vars(instance)
    assigned = state_of(instance).committed_state
    later = {
        name: held[name]
        for name in assigned
        if name in held and held[name] is not sent.get(name, _UNSET)
    }
    for name in later:
        if name in sent:
            held[name] = sent[name]
        else:
            del held[name]
    held.update(written)
    hydration.mark(instance)
    for name, value in later.items():
        set_attribute(instance, name, value)


def stands_alone(instance: Model) -> bool:
    """Return whether nothing but the columns of *instance* matters to its INSERT or UPDATE."""
    state = state_of(instance)
    mapper: Any = state.mapper
    return (
        state.session_id is None
        and not state.expired_attributes
        and not any(name in state.dict for name in mapper.relationships.keys())  # noqa: SIM118
        and not is_listened(type(instance))
    )


def is_listened(model: type[Any]) -> bool:
    """Return whether SQLAlchemy does more than to write a row of *model*."""
    mapper = mapper_of(model)
    listened = mapper.dispatch
    return bool(
        mapper.version_id_col is not None
        or listened.before_insert
        or listened.after_insert
        or listened.before_update
        or listened.after_update
    )


def inserted(model: type[Any], held: dict[str, Any]) -> tuple[str, ...] | None:
    """Return the fields to insert, or None when a value comes from SQLAlchemy's own defaults."""
    names: list[str] = []
    for name, none_is_left_out, has_default, is_computed in _rules(model):
        value = held.get(name, _UNSET)
        if value is None:
            if none_is_left_out:
                continue
            if none_is_left_out is None:
                return None
        elif value is _UNSET:
            if has_default:
                return None
            continue
        if is_computed or is_expression(value):
            return None
        names.append(name)
    return tuple(names)


def is_expression(value: object) -> bool:
    """Return whether *value* is SQL: `Note.stars + 1`."""
    kind = value.__class__
    found = _EXPRESSIONS.get(kind)
    if found is None:
        found = hasattr(kind, "__clause_element__")
        if len(_EXPRESSIONS) < _KINDS:
            _EXPRESSIONS[kind] = found
    return found


def _rules(model: type[Any]) -> list[tuple[str, bool | None, bool, bool]]:
    # Each column's name; whether None leaves it to the database (None: to SQLAlchemy); whether
    # SQLAlchemy has a default for it; whether the database computes it. Kept on the class.
    kept: list[tuple[str, bool | None, bool, bool]] | None = model.__dict__.get("__insert_rules__")
    if kept is not None:
        return kept
    found: list[tuple[str, bool | None, bool, bool]] = []
    for attribute in mapper_of(model).column_attrs:
        column = attribute.columns[0]
        has_default = column.default is not None
        left_out: bool | None = False
        if not column.type.should_evaluate_none:
            left_out = column.primary_key or column.server_default is not None
            left_out = None if has_default else left_out
        found.append((attribute.key, left_out, has_default, column.computed is not None))
    type.__setattr__(model, "__insert_rules__", found)
    return found


def _changed(model: type[Any], instance: Model, before: dict[str, Any]) -> dict[str, Any] | None:
    """Return the changed columns and those that follow every update; None for the session."""
    mapper = mapper_of(model)
    changes: dict[str, Any] = {}
    for name in before:
        if name not in mapper.column_attrs or hasattr(
            vars(instance).get(name), "__clause_element__"
        ):
            return None
        changes[name] = vars(instance)[name]
    for attribute in mapper.column_attrs:
        column: Any = attribute.columns[0]
        if column.server_onupdate is not None or column.computed is not None:
            return None
        if column.onupdate is None or attribute.key in changes:
            continue
        if column.onupdate.is_callable:
            changes[attribute.key] = column.onupdate.arg(None)
        elif column.onupdate.is_scalar:
            changes[attribute.key] = column.onupdate.arg
        else:
            return None
    return changes


def insertion(straight: Straight, model: type[Any], names: tuple[str, ...]) -> Change:
    """Return the INSERT of the fields *names*, which returns what the database fills in."""
    plan = straight.shapes.get((model, "insert", names))
    if plan is None:
        mapper = mapper_of(model)
        columns = {found.key: found.columns[0] for found in mapper.column_attrs}
        left = {
            name: column
            for name, column in columns.items()
            if name not in names and (column.primary_key or column.server_default is not None)
        }
        given: dict[Any, Any] = {
            columns[name].name: bindparam(_MARK + name, type_=columns[name].type) for name in names
        }
        statement: Any = insert(mapper.local_table).values(given)
        if left:
            statement = statement.returning(*left.values())
        returned = tuple((name, column.type) for name, column in left.items())
        kinds = {name: columns[name].type for name in names}
        plan = _change(straight, statement, kinds, returned)
        straight.shapes[model, "insert", names] = plan
    return cast("Change", plan)


def _update_plan(straight: Straight, model: type[Any], names: tuple[str, ...]) -> Change:
    mapper = mapper_of(model)
    columns = {name: mapper.column_attrs[name].columns[0] for name in names}
    keys = {f"key_{number}": column for number, column in enumerate(mapper.primary_key)}
    wanted = [column == bindparam(_MARK + name, type_=column.type) for name, column in keys.items()]
    given = {
        column.name: bindparam(_MARK + name, type_=column.type) for name, column in columns.items()
    }
    statement = update(mapper.local_table).where(*wanted).values(cast("Any", given))
    kinds = {name: column.type for name, column in {**columns, **keys}.items()}
    return _change(straight, statement, kinds, ())


def _change(
    straight: Straight,
    statement: Any,
    kinds: dict[str, Any],
    returned: tuple[tuple[str, Any], ...],
) -> Change:
    made = statement.compile(dialect=straight.compiler.dialect)
    bound: tuple[str, ...] = tuple(made.positiontup if made.positional else made.params)
    order = tuple(name.removeprefix(_MARK) for name in bound)
    found = ((name, straight.compiler.to_driver(kind)) for name, kind in kinds.items())
    to_driver = {name: how for name, how in found if how is not None}
    escaped: dict[str, str] = made.escaped_bind_names or {}
    named = None if made.positional else tuple(escaped.get(name, name) for name in bound)
    return Change(str(made), order, named, to_driver, returned)


def _filled(plan: Change, values: dict[str, Any]) -> Prepared:
    row = _row(plan, values)
    return Prepared(plan.sql, dict(zip(plan.bound, row, strict=True)) if plan.bound else row)


def _row(plan: Change, values: dict[str, Any]) -> tuple[Any, ...]:
    try:
        return tuple(
            [
                plan.to_driver[name](values[name]) if name in plan.to_driver else values[name]
                for name in plan.order
            ]
        )
    except UNFIT as error:
        raise unfit(error) from error

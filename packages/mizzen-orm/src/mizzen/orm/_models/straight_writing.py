"""One object's INSERT or UPDATE, straight to the driver and committed by itself.

Only for an object that stands alone: what is related to it, open transactions and columns that
SQLAlchemy computes are the session's, in `writing`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm.attributes import set_attribute

from .._errors import OrmError
from .._queries.fetching import straight_to
from .._tenancy.column import require_own
from . import hydration
from .dirty import column_names, holds_relations
from .hydration import mapper_of, state_of
from .row_statements import alteration, filled, insertion

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._connections.direct import Answer, Prepared, Straight
    from .._core import Core
    from .dirty import Differences
    from .model import Model

_UNSET = object()
_EXPRESSIONS: dict[type, bool] = {}  # by kind of value
_KINDS = 1000


async def saved(instance: Model, database: Core, differing: Differences) -> int | None:
    """Insert or update *instance*; return the rows changed, or None if it needs a session.

    Of what was assigned only *differing* is written: the row may have changed in the meantime.
    """
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
        sent = dict(vars(instance))
        _settle(instance, sent, await _insert(straight, database, model, names, sent))
        return 1
    if not state.committed_state:
        return 1  # nothing to write, as a flush would find
    if not differing:
        return 1
    changes = _changed(model, vars(instance), state.committed_state, differing)
    if changes is None:
        return None
    return await _update(straight, database, instance, changes, state.key[1])


async def created(made: Model, database: Core) -> bool:
    """Insert an unfinished object, see `fresh_objects`, and finish it; False: it needs more."""
    model = type(made)
    straight = straight_to(database, model)
    if straight is None or is_listened(model):
        return False
    held = vars(made)
    names = inserted(model, held)
    if names is None:
        return False
    held.update(await _insert(straight, database, model, names, held))
    hydration.mark(made)
    return True


async def _insert(
    straight: Straight,
    database: Core,
    model: type[Any],
    names: tuple[str, ...],
    sent: Mapping[str, Any],
) -> dict[str, Any]:
    """Insert a row, and return what the database filled in."""
    plan = insertion(straight, model, names)
    answer = await _written(straight, database, filled(plan, sent))
    if not plan.returned:
        return {}
    if not (answer.rows if plan.alone is None else answer.rowcount):
        raise OrmError(f"the database has left this {model.__name__} out: see its triggers.")
    if plan.alone is not None:
        return {plan.returned[0][0]: answer.number}
    filled_in: dict[str, Any] = {}
    for (name, kind), value, code in zip(plan.returned, answer.rows[0], answer.codes, strict=True):
        convert = straight.compiler.from_driver(kind, code[1])
        filled_in[name] = value if convert is None else convert(value)
    return filled_in


async def _update(
    straight: Straight,
    database: Core,
    instance: Model,
    changes: dict[str, Any],
    identity: tuple[Any, ...],
) -> int:
    plan = alteration(straight, type(instance), tuple(changes))
    keys = zip(plan.keys, identity, strict=True)
    sent = dict(vars(instance))
    answer = await _written(straight, database, filled(plan, {**changes, **dict(keys)}))
    if answer.rowcount:
        _settle(instance, sent, changes)
    return answer.rowcount


async def _written(straight: Straight, database: Core, statement: Prepared) -> Answer:
    try:
        return await straight.write(statement)
    except (SQLAlchemyError, OSError, OverflowError, UnicodeEncodeError):
        with database.explained():  # entered only now: around each write it costs 2 µs
            raise


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
    return (
        state.session_id is None
        and not state.expired_attributes
        and not holds_relations(instance)
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


def _changed(
    model: type[Any],
    held: Mapping[str, Any],
    before: Mapping[str, Any],
    differing: Differences,
) -> dict[str, Any] | None:
    """Return the changed columns and those that follow every update; None for the session."""
    following = _following(model)
    if following is None:
        return None
    changes: dict[str, Any] = {}
    for name in before:
        if name not in held or name not in column_names(model) or is_expression(held[name]):
            return None
        if name in differing:
            changes[name] = held[name]
    for name, how in following:
        if name not in changes:
            changes[name] = how.arg(None) if how.is_callable else how.arg
    return changes


def _following(model: type[Any]) -> list[tuple[str, Any]] | None:
    # The columns with a value for every update, and where that is from; None where it is the
    # database's or an expression. Kept on the class.
    if "__update_rules__" in model.__dict__:
        return cast("list[tuple[str, Any]] | None", model.__dict__["__update_rules__"])
    columns = [found.columns[0] for found in mapper_of(model).column_attrs]
    found: list[tuple[str, Any]] | None = None
    if not any(map(_is_left_to_the_session, columns)):
        found = [
            (attribute.key, attribute.columns[0].onupdate)
            for attribute in mapper_of(model).column_attrs
            if attribute.columns[0].onupdate is not None
        ]
    type.__setattr__(model, "__update_rules__", found)
    return found


def _is_left_to_the_session(column: Any) -> bool:
    """Return whether every update gives *column* what is known only afterwards."""
    how = column.onupdate
    return (
        column.server_onupdate is not None
        or column.computed is not None
        or not (how is None or how.is_callable or how.is_scalar)
    )

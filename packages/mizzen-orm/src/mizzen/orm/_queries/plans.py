"""Statements for the shapes of plain queries, and the values of one query put into them.

The statement is the one that SQLAlchemy compiles for the first query of a shape. Each of its
parameters must come from a look-up, from LIMIT and OFFSET, or be the tenant; else the shape has no
plan.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy.sql import visitors

from .._connections.direct import UNFIT, Prepared, unfit
from .._tenancy.current import required
from .shapes import shape_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._connections.direct import Straight

_UNKNOWN: Any = object()
_ENDS = {0, -1}  # SQLite's LIMIT and OFFSET come together: SQLAlchemy adds what was not asked for


class Plan(NamedTuple):
    """A statement, and where its parameters come from: places among a query's values."""

    sql: str
    names: tuple[str, ...] | None
    parameters: tuple[tuple[int, Callable[[Any], Any] | None], ...]
    constants: tuple[Any, ...]  # follow the query's values
    of_tenant: bool  # and the tenant follows them


class _Compiled(NamedTuple):
    """A statement as SQLAlchemy compiles it, lists of values spread out."""

    sql: str
    order: list[str]  # its parameters
    values: dict[str, Any]
    to_driver: dict[str, Callable[[Any], Any]]
    spread: dict[str, list[str]]  # a list's parameters, by its name
    names: dict[Any, str]  # of SQLAlchemy's parameters
    bound: tuple[str, ...] | None  # what the driver calls them, where it wants names
    tenants: set[str]  # those that are the tenant of whoever asks


def prepared(straight: Straight, query: Any) -> Prepared | None:
    """Return the SELECT of *query*'s rows for the driver, or None if it has no plain shape."""
    shape = shape_of(query)
    if shape is None:
        return None
    plan: Plan | None = straight.shapes.get(shape, _UNKNOWN)
    if plan is _UNKNOWN:
        plan = straight.shapes[shape] = _plan(straight, query)
    if plan is None:
        return None
    values = [value for condition in query._conditions for value in condition.values]
    values += [number for number in (query._limit, query._offset) if number is not None]
    values += plan.constants
    if plan.of_tenant:
        values.append(required())
    try:
        filled = tuple(
            values[place] if to_driver is None else to_driver(values[place])
            for place, to_driver in plan.parameters
        )
    except UNFIT as error:
        raise unfit(error) from error
    if plan.names is None:
        return Prepared(plan.sql, filled)
    return Prepared(plan.sql, dict(zip(plan.names, filled, strict=True)))


def _plan(straight: Straight, query: Any) -> Plan | None:
    """Compile *query* as SQLAlchemy would; None when a parameter's origin is not clear."""
    from .fetching import columns

    clauses: list[Any] = [condition.padded() for condition in query._conditions]
    chosen = query._with(_conditions=tuple(clauses))._statement()
    chosen = chosen.with_only_columns(*columns(query._model), maintain_column_froms=True)
    made = _compiled(straight, chosen)
    places: dict[str, int] = {}
    count = 0
    for condition, clause in zip(query._conditions, clauses, strict=True):
        bound = _bound(clause)
        if len(bound) != (1 if condition.values else 0):
            return None
        for part in bound:
            name = made.names.get(part)
            if name is None or part.type is not getattr(clause, "left", part).type:
                return None
            spread = made.spread.get(name, [name])
            places |= {each: count + number for number, each in enumerate(spread)}
        count += len(condition.values)
    for clause in (chosen._limit_clause, chosen._offset_clause):
        if clause is not None:
            places[made.names.get(clause, "")] = count
            count += 1
    left = set(made.order) - set(places) - made.tenants
    added = 1 if (query._limit is None) != (query._offset is None) else 0
    if len(places) != count or len(left) > added:
        return None
    if any(made.values[name] not in _ENDS for name in left):
        return None
    places |= dict.fromkeys(left, count)
    places |= dict.fromkeys(made.tenants, count + len(left))
    return Plan(
        made.sql,
        made.bound,
        tuple((places[name], made.to_driver.get(name)) for name in made.order),
        tuple(made.values[name] for name in left),
        bool(made.tenants),
    )


def _compiled(straight: Straight, statement: Any) -> _Compiled:
    made: Any = statement.compile(dialect=straight.compiler.dialect)
    values: Any = made.construct_params(escape_names=False)
    sql, order = made.string, made.positiontup
    processors: dict[str, Any] = dict(made._bind_processors)
    spread: dict[str, list[str]] = {}
    if made.literal_execute_params or made.post_compile_params:
        expanded = made._process_parameters_for_postcompile(values)
        sql, order, values = expanded.statement, expanded.positiontup, expanded.parameters
        processors |= expanded.processors
        spread |= expanded.parameter_expansion
    places: list[str] = list(order) if made.positional else list(values)
    escaped: dict[str, str] = made.escaped_bind_names or {}
    bound = None if made.positional else tuple(escaped.get(name, name) for name in places)
    tenants = {name for part, name in made.bind_names.items() if part.callable is required}
    return _Compiled(sql, places, values, processors, spread, made.bind_names, bound, tenants)


def _bound(clause: Any) -> list[Any]:
    found: list[Any] = []
    visitors.traverse(clause, {}, {"bindparam": found.append})
    return found

"""Reads that go straight to the driver: whole rows of one plain model, and what they include.

Anything else (a transaction's own reads, joined inheritance, deferred columns…) is the session's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, cast

from sqlalchemy import bindparam, select
from sqlalchemy.exc import SQLAlchemyError

from .._connections import sessions
from .._connections.direct import UNFIT, Prepared, unfit
from .._fields.comparable import comparable, taken
from .._models import hydration
from .._models.hydration import Result, mapper_of
from .._tenancy.acting import acting
from .._tenancy.current import required
from . import filters, including, plans

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Select

    from .._connections.direct import Answer, Straight
    from .._core import Core
    from .._models.model import Model


class ByKey(NamedTuple):
    """The SELECT of one row by its primary key."""

    sql: str
    name: str | None  # of the parameter, where parameters have names
    to_driver: Callable[[Any], Any] | None
    field: str
    taken: frozenset[type] | None
    tenant: Tenant | None = None


class Tenant(NamedTuple):
    """Where the tenant goes, in the SELECT of a row that has one."""

    first: bool  # before the key
    name: str
    to_driver: Callable[[Any], Any] | None


def straight_to(database: Core, model: type[Model]) -> Straight | None:
    """Return the direct way for reads of *model*, or None where a session is needed."""
    straight = database.straight
    if straight is None or not hydration.plain(model) or acting(database) is not None:
        return None
    frame = sessions.ambient(database)
    return None if frame is not None and frame.writes else straight


def straight_to_writes(database: Core, model: type[Model]) -> Straight | None:
    """Return what compiles COPY for *model*, which has PostgreSQL to itself; None elsewhere."""
    straight = database.straight
    if straight is None or straight.compiler.dialect.name != "postgresql":
        return None
    if not hydration.plain(model) or acting(database) is not None:
        return None
    kinds = (found.columns[0].type for found in mapper_of(model).column_attrs)
    fitting = (kind.dialect_impl(straight.compiler.dialect) for kind in kinds)
    return None if any(kind._has_bind_expression for kind in fitting) else straight


async def found(straight: Straight, database: Core, query: Any) -> list[Any]:
    """Return the objects that *query* finds, with the relations that it includes."""
    prepared = None if straight.tagged else plans.prepared(straight, query)
    if prepared is None:
        return await rows(straight, database, query._model, query._statement(), query._paths)
    return await _run(straight, database, query._model, prepared, query._paths)


async def rows(
    straight: Straight,
    database: Core,
    model: type[Any],
    statement: Select[Any],
    paths: Sequence[str] = (),
    *,
    strict: bool = False,
) -> list[Any]:
    """Return the objects that *statement*, a SELECT of *model*, finds, with relations loaded."""
    chosen = cast("Any", statement).with_only_columns(*columns(model), maintain_column_froms=True)
    with database.explained():  # an unknown tenant is told here
        prepared = straight.compiler.prepare(filters.applied(chosen))
    return await _run(straight, database, model, prepared, paths, strict=strict)


async def _run(
    straight: Straight,
    database: Core,
    model: type[Any],
    prepared: Prepared,
    paths: Sequence[str],
    *,
    strict: bool = False,
) -> list[Any]:
    with database.explained():
        answer = await straight.read(prepared)
    made = hydrate(straight, model, answer, Result(database, strict=strict))
    if paths and made:
        await including.load(straight, database, model, made, paths)
    return made


async def by_key(straight: Straight, database: Core, model: type[Any], key: Any) -> Any | None:
    """Return the row of *model* with this primary key of one column, or None."""
    kept = (model, "key", filters.mode(model))
    plan = straight.shapes.get(kept)
    if plan is None:
        plan = straight.shapes[kept] = _plan(straight, model)
    if plan.taken is not None and key.__class__ not in plan.taken:
        key = comparable(model, plan.field, key)
    try:
        value = key if plan.to_driver is None or key is None else plan.to_driver(key)
    except UNFIT as error:
        raise unfit(error) from error
    if plan.tenant is None:
        asked = Prepared(plan.sql, (value,) if plan.name is None else {plan.name: value})
    else:
        asked = Prepared(plan.sql, _with_tenant(plan, plan.tenant, value))
    try:
        answer = await straight.read(asked)
    except (SQLAlchemyError, OSError, OverflowError, UnicodeEncodeError):
        with database.explained():  # entered only now: around each get it costs 3 µs of 33
            raise
    found = hydrate(straight, model, answer, Result(database))
    return found[0] if found else None


def columns(model: type[Any]) -> list[Any]:
    """Return the mapped columns of *model*, in the order of its objects' fields."""
    return [getattr(model, attribute.key) for attribute in mapper_of(model).column_attrs]


def hydrate(straight: Straight, model: type[Any], answer: Answer, result: Result) -> list[Any]:
    """Return the objects of an answer that has the columns of *model*."""
    make = straight.shapes.get((model, "hydrate"))
    if make is None:
        kinds = [found.columns[0].type for found in mapper_of(model).column_attrs]
        names = [found.key for found in mapper_of(model).column_attrs]
        convert = [
            straight.compiler.from_driver(kind, described[1])
            for kind, described in zip(kinds, answer.codes, strict=True)
        ]
        make = straight.shapes[model, "hydrate"] = hydration.hydrator(model, names, convert)
    found = cast("hydration.Hydrate", make)(answer.rows, result)
    if len(found) > 1 and (model.__relations__ or model.__polymorphic__):
        result.gather(found)
    return found


def _plan(straight: Straight, model: type[Any]) -> ByKey:
    (column,) = mapper_of(model).primary_key
    wanted = bindparam("key", type_=column.type)
    asked: Any = filters.applied(select(*columns(model)).where(column == wanted))
    made = asked.compile(dialect=straight.compiler.dialect)
    order: list[str] = list(made.positiontup if made.positional else made.params)
    tenants = [
        Tenant(name == order[0], name, straight.compiler.to_driver(made.binds[name].type))
        for name in order
        if name != "key"
    ]
    field = mapper_of(model).get_property_by_column(column).key
    return ByKey(
        str(made),
        None if made.positional else "key",
        straight.compiler.to_driver(column.type),
        field,
        taken(model, field),
        tenants[0] if tenants else None,
    )


def _with_tenant(plan: ByKey, tenant: Tenant, key: Any) -> Any:
    whose = required()
    whose = whose if tenant.to_driver is None else tenant.to_driver(whose)
    if plan.name is not None:
        return {plan.name: key, tenant.name: whose}
    return (whose, key) if tenant.first else (key, whose)

"""The INSERT or UPDATE of a row: compiled once for each set of columns, and filled with values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, cast

from sqlalchemy import bindparam, insert, update

from .._connections.direct import UNFIT, Prepared, unfit
from .hydration import mapper_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .._connections.direct import Straight

    Row = Callable[[Mapping[str, Any]], tuple[Any, ...]]

_MARK = "v_"  # SQLAlchemy keeps parameters called like columns for itself


class Change(NamedTuple):
    """An INSERT or UPDATE of certain columns."""

    sql: str
    order: tuple[str, ...]  # the values' names, in the order of the parameters
    row: Row  # what the driver gets, made of values by name
    bound: tuple[str, ...] | None  # the parameters' names, where the driver wants names
    returned: Sequence[tuple[str, Any]] = ()  # fields that the database fills, and their types
    keys: tuple[str, ...] = ()  # what an UPDATE calls the values of the primary key
    alone: str | None = None  # the INSERT of one row whose number, the key, the driver tells


def insertion(straight: Straight, model: type[Any], names: tuple[str, ...]) -> Change:
    """Return the INSERT of the fields *names*, which returns what the database fills in."""
    plan = straight.shapes.get((model, "insert", names))
    if plan is None:
        plan = straight.shapes[model, "insert", names] = _insertion(straight, model, names)
    return cast("Change", plan)


def alteration(straight: Straight, model: type[Any], names: tuple[str, ...]) -> Change:
    """Return the UPDATE of the fields *names* in the row of one primary key."""
    plan = straight.shapes.get((model, "update", names))
    if plan is None:
        plan = straight.shapes[model, "update", names] = _alteration(straight, model, names)
    return cast("Change", plan)


def filled(plan: Change, values: Mapping[str, Any]) -> Prepared:
    """Return the statement with *values*; raises `Invalid` for one that doesn't fit its column."""
    try:
        row = plan.row(values)
    except UNFIT as error:
        raise unfit(error) from error
    sent = plan.sql if plan.alone is None else plan.alone
    return Prepared(sent, dict(zip(plan.bound, row, strict=True)) if plan.bound else row)


def _insertion(straight: Straight, model: type[Any], names: tuple[str, ...]) -> Change:
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
    kinds = {name: columns[name].type for name in names}
    if not left:
        return _change(straight, statement, kinds)
    returned = tuple((name, column.type) for name, column in left.items())
    plan = _change(straight, statement.returning(*left.values()), kinds)._replace(returned=returned)
    if _is_row_number(straight, mapper.local_table, *left.values()):
        # RETURNING keeps the row for a second look: 22 µs for the INSERT of a row, and 13 without.
        plan = plan._replace(alone=_change(straight, statement, kinds).sql)
    return plan


def _alteration(straight: Straight, model: type[Any], names: tuple[str, ...]) -> Change:
    mapper = mapper_of(model)
    columns = {name: mapper.column_attrs[name].columns[0] for name in names}
    keys = {f"key_{number}": column for number, column in enumerate(mapper.primary_key)}
    wanted = [column == bindparam(_MARK + name, type_=column.type) for name, column in keys.items()]
    given = {
        column.name: bindparam(_MARK + name, type_=column.type) for name, column in columns.items()
    }
    statement = update(mapper.local_table).where(*wanted).values(cast("Any", given))
    kinds = {name: column.type for name, column in {**columns, **keys}.items()}
    return _change(straight, statement, kinds)._replace(keys=tuple(keys))


def _change(straight: Straight, statement: Any, kinds: dict[str, Any]) -> Change:
    made = statement.compile(dialect=straight.compiler.dialect)
    bound: tuple[str, ...] = tuple(made.positiontup if made.positional else made.params)
    order = tuple(name.removeprefix(_MARK) for name in bound)
    escaped: dict[str, str] = made.escaped_bind_names or {}
    named = None if made.positional else tuple(escaped.get(name, name) for name in bound)
    return Change(str(made), order, _row(straight, order, kinds), named)


def _row(straight: Straight, order: tuple[str, ...], kinds: dict[str, Any]) -> Row:
    scope: dict[str, Any] = {
        f"p{number}": straight.compiler.to_driver(kinds[name]) for number, name in enumerate(order)
    }
    cells = (
        f"held[{name!r}]" if scope[f"p{number}"] is None else f"p{number}(held[{name!r}])"
        for number, name in enumerate(order)
    )
    # Of mapped names, quoted by repr: 1 µs a row, and 4 in a loop.
    return cast("Row", eval(f"lambda held: ({''.join(f'{cell}, ' for cell in cells)})", scope))  # noqa: S307


def _is_row_number(straight: Straight, table: Any, column: Any, *others: Any) -> bool:
    """Return whether *column* is all that the database fills in, and SQLite's own row number."""
    dialect: Any = straight.compiler.dialect
    return (
        dialect.name == "sqlite"
        and not others
        and list(table.primary_key.columns) == [column]
        and dialect.type_compiler_instance.process(column.type) == "INTEGER"
        and table.dialect_options["sqlite"]["with_rowid"]
    )

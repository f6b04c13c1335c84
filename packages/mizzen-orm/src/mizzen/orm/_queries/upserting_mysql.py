"""The same on MariaDB and MySQL, whose INSERT can't say which unique rule it means.

ON DUPLICATE KEY UPDATE changes whatever row is in the way, by any rule. So the rows are looked at
afterwards: where another rule than the one meant was broken, everything is taken back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import inspect, select, tuple_
from sqlalchemy.dialects import mysql

from .._connections import sessions
from .._errors import NotUnique, QueryFailed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .._core import Core

    Part = list[Mapping[str, Any]]


async def upsert_part(
    database: Core, model: type[Any], part: Part, on: Sequence[str], changed: Sequence[str]
) -> list[Any]:
    """Insert or update rows with the same fields; return those of them that can be seen now."""
    rules = _unique_rules(model)
    if set(on) not in rules:
        raise QueryFailed(
            f"upsert_all(on={list(on)!r}): {model.__name__} has no unique rule on exactly these "
            "fields."
        )
    statement: Any = mysql.insert(model).values(part)
    new = statement.inserted
    taken = {_column(model, name): new[_column(model, name)] for name in changed}
    async with sessions.writer(database) as session:
        await session.execute(statement.on_duplicate_key_update(taken))
        for rule in rules:
            if rule != set(on) and rule <= part[0].keys():
                await _refuse_others(session, model, part, on, sorted(rule))
        wanted = [_values(row, on) for row in part]
        chosen = select(model).where(tuple_(*_fields(model, on)).in_(wanted))
        found = await session.scalars(chosen.execution_options(populate_existing=True))
        return list(found.all())


async def insert_missing(database: Core, model: type[Any], rows: Iterable[Any]) -> list[Any]:
    """Insert the rows that break no unique rule, one by one, and return those."""
    found: list[Any] = []
    for row in rows:
        try:
            async with sessions.transaction(database) as session:
                session.add(row)
                with database.explained():
                    await session.flush()
        except NotUnique:
            continue
        found.append(row)
    return found


async def _refuse_others(
    session: Any, model: type[Any], part: Part, on: Sequence[str], rule: Sequence[str]
) -> None:
    """Raise if a value of *rule* belongs to a row that is not the one meant by *on*."""
    meant = {_values(row, rule): _values(row, on) for row in part}
    fields = [*_fields(model, rule), *_fields(model, on)]
    rows = await session.execute(
        select(*fields).where(tuple_(*_fields(model, rule)).in_(list(meant)))
    )
    for row in rows:
        held, key = tuple(row[: len(rule)]), tuple(row[len(rule) :])
        if meant.get(held, key) != key:
            raise NotUnique(
                f"upsert_all(): another {model.__name__} has {', '.join(rule)} = {held!r}.",
                model=model.__name__,
            )


def _unique_rules(model: type[Any]) -> list[set[str]]:
    mapper = cast("Any", inspect(model))
    table = mapper.local_table
    groups = [
        table.primary_key.columns,
        *(index.columns for index in table.indexes if index.unique),
    ]
    groups += [
        rule.columns for rule in table.constraints if rule.__visit_name__ == "unique_constraint"
    ]
    return [{mapper.get_property_by_column(column).key for column in group} for group in groups]


def _fields(model: type[Any], names: Sequence[str]) -> list[Any]:
    return [getattr(model, name) for name in names]


def _values(row: Mapping[str, Any], names: Sequence[str]) -> tuple[Any, ...]:
    return tuple(row[name] for name in names)


def _column(model: type[Any], field: str) -> str:
    return str(cast("Any", inspect(model)).column_attrs[field].columns[0].name)

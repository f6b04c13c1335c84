"""Loads of any size: validated, streamed in bounded memory, all or none of them saved.

PostgreSQL gets COPY (a thousand rows each), other databases INSERTs that return nothing. A part
that is refused is undone to a savepoint and sent again row by row, to tell which row it was.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import insert

from .._connections import sessions
from .._connections.direct import Prepared
from .._errors import Invalid, OrmError
from .._queries.fetching import straight_to_writes
from .._tenancy.column import require_own
from .bulk_inserting import values_of
from .family import refuse_bulk
from .fresh_objects import Maker, complete
from .hydration import mapper_of
from .row_statements import insertion
from .straight_writing import inserted

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Iterable, Sequence

    from sqlalchemy.ext.asyncio import AsyncSession

    from .._connections.direct import Straight
    from .._core import Core

_ROWS = 1_000


async def copy_all(
    model: type[Any], rows: Iterable[Any] | AsyncIterable[Any], database: Core
) -> int:
    """Insert *rows*, mappings or models, and return how many there were."""
    refuse_bulk(model)
    count = 0
    async with sessions.transaction(database) as session:
        straight = straight_to_writes(database, model)
        async for part in _parts(model, rows):
            await _send_or_tell(session, database, straight, model, part, count)
            count += len(part)
        sessions.writing(database).add_bulk(model, "create", count)
        if database.caching is not None:  # COPY is not among the statements that it sees
            connection = await session.connection()
            database.caching.touched(connection.sync_connection, mapper_of(model).local_table.name)
    return count


async def _parts(
    model: type[Any], rows: Iterable[Any] | AsyncIterable[Any]
) -> AsyncIterator[list[Any]]:
    maker, part, number = Maker(model), list[Any](), 0
    async for row in _each(rows):
        number += 1
        try:
            made = maker.made(row)
            if (key := model.__tenant_key__) is not None:
                complete(model, [made])
                require_own(made, key)
        except OrmError as error:
            raise _named(error, number) from error
        part.append(made)
        if len(part) == _ROWS:
            yield part
            part = []
    if part:
        yield part


async def _each(rows: Any) -> AsyncIterator[Any]:
    if hasattr(rows, "__aiter__"):
        async for row in rows:
            yield row
    else:
        for row in rows:
            yield row


async def _send_or_tell(
    session: AsyncSession,
    database: Core,
    straight: Straight | None,
    model: type[Any],
    part: list[Any],
    before: int,
) -> None:
    try:
        await _send(session, database, straight, model, part)
    except OrmError as refused:
        # Which row it was is not always said, nor always in the same words.
        for number, one in enumerate(part, before + 1):
            try:
                await _send(session, database, straight, model, [one])
            except OrmError as error:
                raise _named(error, number) from error
        raise refused


async def _send(
    session: AsyncSession,
    database: Core,
    straight: Straight | None,
    model: type[Any],
    part: list[Any],
) -> None:
    """Insert *part*, or raise and leave the transaction as it was before."""
    with database.explained():
        async with session.begin_nested():
            for names, group in groupby(part, lambda one: inserted(model, one.__dict__)):
                if straight is not None and names:
                    await _copy(session, straight, model, names, list(group))
                    continue
                values = [values_of(model, one) for one in group]
                await session.execute(insert(model), values)


async def _copy(
    session: AsyncSession,
    straight: Straight,
    model: type[Any],
    names: tuple[str, ...],
    part: Sequence[Any],
) -> None:
    plan = insertion(straight, model, names)
    mapper, quoted = mapper_of(model), straight.compiler.dialect.identifier_preparer
    columns = (quoted.quote(mapper.column_attrs[name].columns[0].name) for name in plan.order)
    table = quoted.format_table(mapper.local_table).replace("%%", "%")
    sql = f"COPY {table} ({', '.join(columns).replace('%%', '%')}) FROM STDIN"
    pooled = await (await session.connection()).get_raw_connection()
    connection = cast("Any", pooled.driver_connection)
    try:
        async with connection.cursor() as cursor, cursor.copy(sql) as copy:
            for one in part:
                await copy.write_row(plan.row(one.__dict__))
    except straight.compiler.dialect.loaded_dbapi.Error as error:
        raise straight.wrapped(Prepared(sql, None), error) from error


def _named(error: OrmError, number: int) -> OrmError:
    """Return *error* with the number of its row, from 1."""
    facts = {name: fact for name, fact in vars(error).items() if not name.startswith("__")}
    facts["row"] = number
    if isinstance(error, Invalid):
        facts.setdefault("errors", [])
    return type(error)(f"row {number}: {error}", **facts)

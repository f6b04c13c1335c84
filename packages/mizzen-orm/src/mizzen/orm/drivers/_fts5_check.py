"""Comparing an FTS5 index with its table: the table is indexed again, aside, and both are read."""

# Names come from mapped columns and are quoted; values are never part of these statements.
# ruff: noqa: S608

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from .._search.backend import SearchCheck
from ._fts5_table import indexed, quoted, virtual_table

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from .._search.shape import SearchShape


def check(connection: Connection, shape: SearchShape) -> SearchCheck:
    """Return how the index compares with its table.

    An index whose inner structure is broken raises "malformed", as every use of it would.
    """
    name, on, key = quoted(shape.name), quoted(shape.table), quoted(shape.key)
    numbers = quoted(shape.name + "_key")
    docs = quoted(shape.name + "_docsize")
    values = ", ".join(f"stored.{quoted(field)}" for field in shape.fields)
    both = f"{numbers} AS known JOIN {on} AS stored ON stored.{key} = known.key"
    words = "doc, term, col, offset"

    def count(sql: str) -> int:
        return int(connection.exec_driver_sql(f"SELECT count(*) FROM {sql}").scalar_one())

    connection.exec_driver_sql(f"INSERT INTO {name}({name}) VALUES ('integrity-check')")
    with ExitStack() as afterwards:

        def make(table: str, sql: str) -> None:
            afterwards.callback(connection.exec_driver_sql, f"DROP TABLE IF EXISTS temp.{table}")
            connection.exec_driver_sql(sql)

        make("mizzen_again", virtual_table("temp.mizzen_again", shape))
        connection.exec_driver_sql(
            f"INSERT INTO temp.mizzen_again(rowid, {indexed(shape)}) "
            f"SELECT known.number, {values} FROM {both}"
        )
        for vocabulary, of in (("mizzen_have", f"main, {name}"), ("mizzen_want", "mizzen_again")):
            make(
                vocabulary,
                f"CREATE VIRTUAL TABLE temp.{vocabulary} USING fts5vocab({of}, 'instance')",
            )
        known = f"SELECT known.number FROM {both}"
        have = f"SELECT {words} FROM temp.mizzen_have WHERE doc IN ({known})"
        want = f"SELECT {words} FROM temp.mizzen_want"
        stale = count(
            f"(SELECT doc FROM ({have} EXCEPT {want}) UNION SELECT doc FROM ({want} EXCEPT {have}))"
        )
    return SearchCheck(
        missing=count(f"{on} WHERE {key} NOT IN (SELECT key FROM {numbers})"),
        stale=stale,
        orphaned=count(f"{docs} WHERE id NOT IN ({known})"),
    )

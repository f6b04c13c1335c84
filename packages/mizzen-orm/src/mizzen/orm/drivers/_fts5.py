"""Search on SQLite: a contentless FTS5 table, kept in step by three triggers.

Contentless keeps no second copy of the text. Each state of a row is known by a number of its own,
never used again: SQLite renumbers rows without an integer key (VACUUM, table rebuilds), and
`INSERT OR REPLACE` removes rows without telling any trigger. The words of such a row stay behind
under a number that no row has, so nobody finds them; `rebuild()` takes them out.
"""

# Names come from mapped columns and are quoted; values are never part of these statements.
# ruff: noqa: S608

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, column, select, table

from .._search.porter import stem
from .._search.shape import FORMAT, SearchShape
from ._fts5_check import check
from ._fts5_table import indexed, quoted, virtual_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, Connection

    from .._search.backend import SearchCheck
    from .._search.query import SearchTerm

_MARK = "mizzen search "


class FTS5:
    """Builds FTS5 indexes and asks them."""

    in_one_statement = True

    def create(self, shape: SearchShape) -> list[str]:
        """Return the statements that build the index, fill it, and keep it in step."""
        name, on, key = quoted(shape.name), quoted(shape.table), quoted(shape.key)
        numbers, columns = quoted(shape.name + "_key"), indexed(shape)
        values = ", ".join(f"stored.{quoted(field)}" for field in shape.fields)
        weights = ", ".join(map(repr, shape.each_weight))
        return [
            *self.drop(shape),
            virtual_table(name, shape),
            f"INSERT INTO {name}({name}, rank) VALUES ('rank', 'bm25({weights})')",
            f"CREATE TABLE {numbers} "
            "(number INTEGER PRIMARY KEY AUTOINCREMENT, key NOT NULL UNIQUE)",
            f"INSERT INTO {numbers}(key) SELECT {key} FROM {on}",
            f"INSERT INTO {name}(rowid, {columns}) SELECT known.number, {values} "
            f"FROM {numbers} AS known JOIN {on} AS stored ON stored.{key} = known.key",
            *self.triggers(shape.renewed()),
        ]

    def triggers(self, shape: SearchShape) -> list[str]:
        """Return the triggers, which SQLite drops whenever a table is rebuilt."""
        name, on, key = shape.name, quoted(shape.table), quoted(shape.key)
        numbers = quoted(name + "_key")
        watched = ", ".join(quoted(field) for field in (shape.key, *shape.fields))
        # What a replaced row has left behind is deleted by name, because inside of an
        # `INSERT OR IGNORE` the insert would be ignored otherwise.
        renumber = (
            f"DELETE FROM {numbers} WHERE key = new.{key}; "
            f"INSERT INTO {numbers}(key) VALUES (new.{key});"
        )
        unnumber = f"DELETE FROM {numbers} WHERE key = old.{key};"
        add, remove = _add(shape), _remove(shape)
        changed = " OR ".join(
            f"old.{field} COLLATE BINARY IS NOT new.{field}"
            for field in map(quoted, (shape.key, *shape.fields))
        )
        mark = _MARK + shape.to_json().replace("*/", "*\\/")
        return [
            f"CREATE TRIGGER {quoted(name + '_insert')} AFTER INSERT ON {on} "
            f"BEGIN /* {mark} */ {renumber} {add} END",
            f"CREATE TRIGGER {quoted(name + '_delete')} AFTER DELETE ON {on} "
            f"BEGIN {remove} {unnumber} END",
            f"CREATE TRIGGER {quoted(name + '_update')} AFTER UPDATE OF {watched} ON {on} "
            f"WHEN {changed} BEGIN {remove} {unnumber} {renumber} {add} END",
        ]

    def drop(self, shape: SearchShape) -> list[str]:
        """Return the statements that remove the index."""
        triggers = (f"{shape.name}_{event}" for event in ("insert", "delete", "update"))
        return [
            *(f"DROP TRIGGER IF EXISTS {quoted(trigger)}" for trigger in triggers),
            f"DROP TABLE IF EXISTS {quoted(shape.name)}",
            f"DROP TABLE IF EXISTS {quoted(shape.name + '_key')}",
        ]

    def optimize(self, shape: SearchShape) -> list[str]:
        """Return the statement that merges the parts of the index into one."""
        name = quoted(shape.name)
        return [f"INSERT INTO {name}({name}) VALUES ('optimize')"]

    def present(self, connection: Connection) -> dict[str, SearchShape]:
        """Return the indexes in the database, by table."""
        found: dict[str, SearchShape] = {}
        triggers = connection.exec_driver_sql(
            "SELECT sql FROM sqlite_master WHERE type = 'trigger' AND name LIKE '%_search_insert'"
        )
        for (sql,) in triggers:
            marked = str(sql).partition(_MARK)[2].partition(" */")[0]
            if marked:
                shape = SearchShape.from_json(marked)
                found[shape.table] = shape
        return found

    def repair(self, connection: Connection, before: dict[str, SearchShape]) -> None:
        """Put back the triggers of indexes whose tables were rebuilt since *before*."""
        now = self.present(connection)
        names = set(connection.exec_driver_sql("SELECT name FROM sqlite_master").scalars().all())
        for shape in before.values():
            if shape.table not in now and {shape.name, shape.table} <= names:
                again = self.triggers(shape) if shape.format == FORMAT else self.create(shape)
                for statement in again:
                    connection.exec_driver_sql(statement)

    def check(self, connection: Connection, shape: SearchShape) -> SearchCheck:
        """Compare the index with its table."""
        return check(connection, shape)

    def narrow(
        self,
        statement: Select[Any],
        key: Any,
        shape: SearchShape,
        clauses: Sequence[Sequence[SearchTerm]],
        excluded: Sequence[SearchTerm],
    ) -> tuple[Select[Any], ColumnElement[float]]:
        """Return *statement* with only matching rows, and their rank."""
        index, numbers = _tables(shape)
        asked = " AND ".join(f"({_any_of(shape, terms)})" for terms in clauses)
        if excluded:
            asked = f"({asked}) NOT ({_any_of(shape, excluded)})"
        statement = statement.join(numbers, numbers.c.key == key)
        statement = statement.join(index, index.c.rowid == numbers.c.number)
        return statement.where(_match(index, shape, asked)), -index.c.rank

    def found(
        self, key: Any, shape: SearchShape, terms: Sequence[SearchTerm]
    ) -> ColumnElement[bool]:
        """Return the condition that the row with *key* matches one of *terms*."""
        index, numbers = _tables(shape)
        keys = select(numbers.c.key).where(index.c.rowid == numbers.c.number)
        condition: ColumnElement[bool] = key.in_(
            keys.where(_match(index, shape, _any_of(shape, terms)))
        )
        return condition

    def stems(
        self, connection: Connection, shape: SearchShape, words: Sequence[str]
    ) -> dict[str, str]:
        """Return the stems of English words."""
        return {word: stem(word) for word in words} if shape.language == "english" else {}


def _add(shape: SearchShape) -> str:
    values = ", ".join(f"new.{quoted(field)}" for field in shape.fields)
    numbers = f"SELECT number FROM {quoted(shape.name + '_key')} WHERE key"
    return (
        f"INSERT INTO {quoted(shape.name)}(rowid, {indexed(shape)}) "
        f"VALUES (({numbers} = new.{quoted(shape.key)}), {values});"
    )


def _remove(shape: SearchShape) -> str:
    name, numbers = quoted(shape.name), quoted(shape.name + "_key")
    values = ", ".join(f"old.{quoted(field)}" for field in shape.fields)
    # Selected, so that nothing is taken out for a row that the index doesn't know.
    return (
        f"INSERT INTO {name}({name}, rowid, {indexed(shape)}) "
        f"SELECT 'delete', number, {values} FROM {numbers} WHERE key = old.{quoted(shape.key)};"
    )


def _tables(shape: SearchShape) -> tuple[Any, Any]:
    index = table(shape.name, column("rowid"), column("rank"), column(shape.name))
    return index, table(shape.name + "_key", column("number"), column("key"))


def _match(index: Any, shape: SearchShape, asked: str) -> ColumnElement[bool]:
    condition: ColumnElement[bool] = index.c[shape.name].op("MATCH", is_comparison=True)(asked)
    return condition


def _any_of(shape: SearchShape, terms: Sequence[SearchTerm]) -> str:
    return " OR ".join(_phrase(shape, term) for term in terms)


def _phrase(shape: SearchShape, term: SearchTerm) -> str:
    # Words are letters and digits only, so nothing in the quotes can end them.
    phrase = f'"{" ".join(term.words)}"{" *" if term.prefix else ""}'
    return phrase if term.field is None else f"field{shape.fields.index(term.field)} : {phrase}"

"""Search on SQLite: a contentless FTS5 table, kept in step by three triggers.

Contentless keeps no second copy of the text. FTS5 knows rows by number only, and SQLite renumbers
rows without an integer key (VACUUM, table rebuilds), so other keys get a table of stable numbers.
"""

# Names come from mapped columns and are quoted; values are never part of these statements.
# ruff: noqa: S608

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, column, false, select, table

from .._search import SearchShape

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from .._terms import Term

# unicode61 splits at "_": the parts of an identifier are words, and the whole is a phrase.
_TOKENIZER = "unicode61 remove_diacritics 2"
_MARK = "mizzen search "


class FTS5:
    """Builds FTS5 indexes and asks them."""

    def create(self, shape: SearchShape) -> list[str]:
        """Return the statements that build the index, fill it, and keep it in step."""
        name, on = _quoted(shape.name), _quoted(shape.table)
        columns = ", ".join(_quoted(field) for field in shape.fields)
        made = [
            *self.drop(shape),
            f"CREATE VIRTUAL TABLE {name} USING fts5({columns}, content='', "
            f"tokenize='{_TOKENIZER}')",
        ]
        key = _quoted(shape.key)
        if shape.numbered:
            made.append(f"INSERT INTO {name}(rowid, {columns}) SELECT {key}, {columns} FROM {on}")
        else:
            numbers = _quoted(shape.name + "_key")
            made += [
                f"CREATE TABLE {numbers} (number INTEGER PRIMARY KEY, key NOT NULL UNIQUE)",
                f"INSERT INTO {numbers}(key) SELECT {key} FROM {on}",
                f"INSERT INTO {name}(rowid, {columns}) SELECT number, {columns} "
                f"FROM {numbers} JOIN {on} ON {key} = {numbers}.key",
            ]
        return made + self.triggers(shape)

    def triggers(self, shape: SearchShape) -> list[str]:
        """Return the triggers, which SQLite drops whenever a table is rebuilt."""
        name, on = shape.name, _quoted(shape.table)
        watched = ", ".join(_quoted(field) for field in (shape.key, *shape.fields))
        numbers, key = _quoted(name + "_key"), _quoted(shape.key)
        number, unnumber, renumber = "", "", ""
        if not shape.numbered:
            number = f"INSERT INTO {numbers}(key) VALUES (new.{key}); "
            unnumber = f"DELETE FROM {numbers} WHERE key = old.{key}; "
            renumber = f"UPDATE {numbers} SET key = new.{key} WHERE key = old.{key}; "
        add, remove = self._change(shape, "new"), self._change(shape, "old")
        return [
            f"CREATE TRIGGER {_quoted(name + '_insert')} AFTER INSERT ON {on} "
            f"BEGIN /* {_MARK}{shape.to_json()} */ {number}{add} END",
            f"CREATE TRIGGER {_quoted(name + '_delete')} AFTER DELETE ON {on} "
            f"BEGIN {remove} {unnumber}END",
            f"CREATE TRIGGER {_quoted(name + '_update')} AFTER UPDATE OF {watched} ON {on} "
            f"BEGIN {remove} {renumber}{add} END",
        ]

    def drop(self, shape: SearchShape) -> list[str]:
        """Return the statements that remove the index."""
        triggers = (f"{shape.name}_{event}" for event in ("insert", "delete", "update"))
        return [
            *(f"DROP TRIGGER IF EXISTS {_quoted(trigger)}" for trigger in triggers),
            f"DROP TABLE IF EXISTS {_quoted(shape.name)}",
            f"DROP TABLE IF EXISTS {_quoted(shape.name + '_key')}",
        ]

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
                for statement in self.triggers(shape):
                    connection.exec_driver_sql(statement)

    def narrow(
        self, statement: Select[Any], key: Any, shape: SearchShape, terms: list[Term]
    ) -> tuple[Select[Any], list[Any]]:
        """Return *statement* with only matching rows, and the order of their rank."""
        index: Any = table(shape.name, column("rowid"), column("rank"), column(shape.name))
        numbers: Any = table(shape.name + "_key", column("number"), column("key"))
        matched = index.c[shape.name].op("MATCH", is_comparison=True)(_expression(terms))
        same = index.c.rowid == (key if shape.numbered else numbers.c.number)
        if all(term.excluded for term in terms):
            # FTS5 can only take away from something found, so "all but" is asked around it.
            found = select(index.c.rowid if shape.numbered else numbers.c.key).where(matched)
            unwanted = found if shape.numbered else found.where(same)
            return statement.where(key.not_in(unwanted) if terms else false()), []
        if not shape.numbered:
            statement = statement.join(numbers, numbers.c.key == key)
        return statement.join(index, same).where(matched), [index.c.rank]

    def _change(self, shape: SearchShape, row: str) -> str:
        name = _quoted(shape.name)
        columns = ", ".join(_quoted(field) for field in shape.fields)
        values = ", ".join(f"{row}.{_quoted(field)}" for field in shape.fields)
        # After a changed key has been renumbered the number is found under the new one.
        number = f"{row}.{_quoted(shape.key)}"
        if not shape.numbered:
            numbers = _quoted(shape.name + "_key")
            number = f"(SELECT number FROM {numbers} WHERE key = {number})"
        if row == "old":
            columns = f"{name}, rowid, {columns}"
            return f"INSERT INTO {name}({columns}) VALUES ('delete', {number}, {values});"
        return f"INSERT INTO {name}(rowid, {columns}) VALUES ({number}, {values});"


def _expression(terms: list[Term]) -> str:
    wanted = " AND ".join(_phrase(term) for term in terms if not term.excluded)
    unwanted = " OR ".join(_phrase(term) for term in terms if term.excluded)
    if wanted and unwanted:
        return f"({wanted}) NOT ({unwanted})"
    return wanted or unwanted


def _phrase(term: Term) -> str:
    # Tokens are letters and digits only, so nothing in the quotes can end them.
    return f'"{" ".join(term.tokens)}"{" *" if term.prefix else ""}'


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'

"""Reading a SQLite database, by its pragmas."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import DatabaseError

from .catalog import Check, Column, Expression, ForeignKey, Index, Table, Unique
from .defaults import read_default
from .reading import Reader
from .sqlite_ddl import CreateTable, after, parts_of, read_create_table

if TYPE_CHECKING:
    from sqlalchemy import Connection

_NUMBERS = ("int", "real", "floa", "doub", "num", "dec", "bool")


class SQLiteReader(Reader):
    """Reads SQLite; hidden are its own tables, and those behind virtual ones."""

    name = "SQLite"

    def __init__(self, connection: Connection) -> None:
        # Nothing is asked of SQLAlchemy's inspector: see `sqlite_ddl`.
        self.connection = connection

    @property
    def default_schema(self) -> str:
        """Name of the schema where tables are looked for when none is given."""
        return "main"

    def version(self) -> str:
        """Return the name and version of the database."""
        return f"SQLite {sqlite3.sqlite_version}"

    def schemas(self) -> list[str]:
        """Return "main", "temp" and what is attached."""
        return [row[1] for row in self._all("SELECT * FROM pragma_database_list")]

    def tables(self, schema: str | None = None, name: str | None = None) -> list[Table]:
        """Return the tables and views of a schema, or the one of that name."""
        where = schema or self.default_schema
        if where not in self.schemas():
            return []
        analysed = self._analysed(where)
        found = self._all(
            'SELECT name, type, "strict", wr FROM pragma_table_list WHERE schema = ? '
            r"AND type <> 'shadow' AND name NOT LIKE 'sqlite\_%' ESCAPE '\' ORDER BY name",
            where,
        )
        texts = dict(self._texts(where))
        return [
            self._read(str(table), where, str(kind), texts.get(table) or "", analysed.get(table))
            for table, kind, _strict, _without_rowid in found
            if name is None or table.lower() == name.lower()
        ]

    def sizes(self, schema: str) -> dict[str, tuple[int | None, int | None]]:
        """Return the bytes of each table and its indexes, where SQLite was built with dbstat."""
        try:
            pages = dict(
                self._all(
                    "SELECT name, SUM(pgsize) FROM dbstat WHERE schema = ? GROUP BY name", schema
                )
            )
        except DatabaseError as error:
            if "dbstat" not in str(error.orig):
                raise
            return {}
        indexes: dict[str, int] = defaultdict(int)
        for index, table in self._all(
            f"SELECT name, tbl_name FROM {self._master(schema)} WHERE type = 'index'"  # noqa: S608
        ):
            indexes[table] += pages.get(index, 0)
        return {table: (size, indexes[table]) for table, size in pages.items()}

    def _read(self, table: str, schema: str, kind: str, sql: str, rows: int | None) -> Table:
        where: dict[str, Any] = {"table": table, "schema": schema}
        if kind in {"view", "virtual"}:
            columns = self._columns_of_view(table, schema, where)
            definition = after(sql, "AS") if kind == "view" else sql
            return Table(table, schema, kind, columns=columns, definition=definition)
        text = read_create_table(sql)
        rows_of_columns = self._pragma("table_xinfo", table, schema)
        keyed = sorted((row[5], row[1]) for row in rows_of_columns if row[5])
        key = tuple(name for _, name in keyed)
        indexes, uniques = self._indexes(table, schema, text, where)
        return Table(
            table,
            schema,
            columns=tuple(_column(row, key, text, where) for row in rows_of_columns if row[6] != 1),
            primary_key=key,
            indexes=indexes,
            foreign_keys=self._foreign_keys(table, schema, text, where),
            uniques=uniques,
            checks=tuple(Check(Expression(held), name=name, **where) for name, held in text.checks),
            rows_estimate=rows,
        )

    def _columns_of_view(self, table: str, schema: str, where: Any) -> tuple[Column, ...]:
        try:
            rows = self._pragma("table_xinfo", table, schema)
        except DatabaseError as error:
            # A view over a table that is gone is listed by its name: nobody can read it.
            if not isinstance(error.orig, sqlite3.OperationalError):
                raise
            return ()
        return tuple(_column(row, (), CreateTable(), where) for row in rows if row[6] != 1)

    def _indexes(
        self, table: str, schema: str, text: CreateTable, where: Any
    ) -> tuple[tuple[Index, ...], tuple[Unique, ...]]:
        indexes: list[Index] = []
        uniques: list[Unique] = []
        names = defaultdict[tuple[str, ...], list[str]](list)
        for name, columns in text.uniques:
            names[tuple(column.lower() for column in columns)].append(name)
        for _, name, unique, origin, _partial in reversed(
            self._pragma("index_list", table, schema)
        ):
            if origin == "pk":
                continue
            parts = [row for row in self._pragma("index_xinfo", name, schema) if row[5]]
            columns = tuple(row[2] for row in parts if row[2] is not None)
            if origin == "u":
                known = names[tuple(column.lower() for column in columns)]
                uniques.append(Unique(*columns, name=known.pop(0) if known else None, **where))
                continue
            sql = self._text("index", name, schema)
            plain = len(columns) == len(parts)
            indexes.append(
                Index(
                    columns,
                    bool(unique),
                    Expression(where_clause) if (where_clause := after(sql, "WHERE")) else None,
                    expressions=() if plain else parts_of(sql),
                    name=name,
                    **where,
                )
            )
        return tuple(indexes), tuple(uniques)

    def _foreign_keys(
        self, table: str, schema: str, text: CreateTable, where: Any
    ) -> tuple[ForeignKey, ...]:
        groups: dict[int, list[Any]] = defaultdict(list)
        for row in self._pragma("foreign_key_list", table, schema):
            groups[row[0]].append(row)
        found: list[ForeignKey] = []
        known = list(text.foreign_keys)
        for number in sorted(groups, reverse=True):  # SQLite lists the last one first
            rows = sorted(groups[number], key=lambda row: row[1])
            columns = tuple(row[3] for row in rows)
            same = [
                held for held in known if [*map(str.lower, held[1])] == [*map(str.lower, columns)]
            ]
            name, deferred = None, False
            if same:
                known.remove(same[0])
                name, _, deferred = same[0]
            target, on_update, on_delete = rows[0][2], rows[0][5], rows[0][6]
            # `REFERENCES users` alone means its primary key.
            referenced = tuple(row[4] for row in rows)
            if None in referenced:
                keyed = sorted(
                    (row[5], row[1]) for row in self._pragma("table_xinfo", target, schema)
                )
                referenced = tuple(column for place, column in keyed if place)
            found.append(
                ForeignKey(
                    columns,
                    target,
                    referenced,
                    name=name,
                    on_delete=on_delete,
                    on_update=on_update,
                    deferrable=deferred,
                    **where,
                )
            )
        return tuple(found)

    def _analysed(self, schema: str) -> dict[str, int]:
        master = self._master(schema)
        if not self._all(f"SELECT 1 FROM {master} WHERE name = 'sqlite_stat1'"):  # noqa: S608
            return {}
        stats = self._all(f"SELECT tbl, stat FROM {self._quoted(schema)}.sqlite_stat1")  # noqa: S608
        return {
            str(table): int(str(stat).split()[0])
            for table, stat in stats
            if str(stat)[:1].isdigit()
        }

    def _pragma(self, pragma: str, name: str, schema: str) -> list[Any]:
        return self._all(f"SELECT * FROM pragma_{pragma}(?, ?)", name, schema)  # noqa: S608

    def _texts(self, schema: str) -> list[Any]:
        return self._all(
            f"SELECT name, sql FROM {self._master(schema)} WHERE type IN ('table', 'view')"  # noqa: S608
        )

    def _text(self, kind: str, name: str, schema: str) -> str:
        rows = self._all(
            f"SELECT sql FROM {self._master(schema)} WHERE type = ? AND name = ?",  # noqa: S608
            kind,
            name,
        )
        return str(rows[0][0] or "") if rows else ""

    def _master(self, schema: str) -> str:
        return f"{self._quoted(schema)}.sqlite_master"

    def _quoted(self, name: str) -> str:
        return self.connection.dialect.identifier_preparer.quote_identifier(name)

    def _all(self, sql: str, *values: object) -> list[Any]:
        return [tuple(row) for row in self.connection.exec_driver_sql(sql, values)]


def _column(row: Any, key: tuple[str, ...], text: CreateTable, where: Any) -> Column:
    _, name, kind, required, default, _, hidden = row
    kind = str(kind).lower()
    generated = hidden in {2, 3}
    if generated:
        kind = kind.removesuffix("generated always").strip()
    counts = key == (name,) and kind == "integer" and not {"WITHOUT"} <= text.words
    number = any(part in kind for part in _NUMBERS)
    return Column(
        name,
        kind,
        nullable=not required,
        default=read_default(default, number=number),
        primary_key=name in key,
        autoincrement=True if counts else None,
        generated=Expression(text.generated.get(name, "")) if generated else None,
        **where,
    )

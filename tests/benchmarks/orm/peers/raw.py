"""The drivers alone: tuples, with JSON and times as the driver gives them."""

from __future__ import annotations

import json
import sqlite3
from datetime import datetime
from typing import TYPE_CHECKING, Any

import aiosqlite
import asyncpg
import psycopg
import rows
from psycopg.types.json import Jsonb

from .peer import PRAGMAS, Peer, Values

if TYPE_CHECKING:
    from collections.abc import Sequence

NAMES = ("id", *rows.COLUMNS, "author_id")
CREATE_SQLITE = (
    "CREATE TABLE author (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL)",
    "CREATE TABLE book (id INTEGER PRIMARY KEY, title TEXT NOT NULL, language TEXT NOT NULL,"
    " pages INTEGER NOT NULL, price REAL NOT NULL, in_print BOOLEAN NOT NULL,"
    " added_at TEXT NOT NULL, extras JSON NOT NULL, author_id INTEGER REFERENCES author)",
    "CREATE INDEX book_author ON book (author_id)",
)
CREATE_POSTGRESQL = (
    "CREATE TABLE author (id serial PRIMARY KEY, name text NOT NULL, email text NOT NULL)",
    "CREATE TABLE book (id serial PRIMARY KEY, title text NOT NULL, language text NOT NULL,"
    " pages integer NOT NULL, price float8 NOT NULL, in_print boolean NOT NULL,"
    " added_at timestamptz NOT NULL, extras jsonb NOT NULL, author_id integer REFERENCES author)",
    "CREATE INDEX book_author ON book (author_id)",
)


def marked(style: str) -> dict[str, str]:
    """Return the statements, with parameters as a driver writes them: `?`, `%s` or `$1`."""

    def marks(count: int) -> list[str]:
        return [f"${n + 1}" if style == "$" else style for n in range(count)]

    one, two = marks(2)
    return {
        "author": f"INSERT INTO author (name, email) VALUES ({one}, {two})",
        "get": f"SELECT {', '.join(NAMES)} FROM book WHERE id = {one}",
        "list": f"SELECT {', '.join(NAMES)} FROM book ORDER BY id LIMIT {one}",
        "insert": f"INSERT INTO book ({', '.join(NAMES[1:])}) VALUES ({', '.join(marks(8))})",
        "update": f"UPDATE book SET pages = {one} WHERE id = {two}",
        "authors": "SELECT id, name, email FROM author ORDER BY id",
        "children": f"SELECT {', '.join(NAMES)} FROM book WHERE author_id IN "
        "(SELECT id FROM author) ORDER BY author_id",
    }


def grouped(
    authors: Sequence[Sequence[Any]], books: Sequence[Sequence[Any]]
) -> list[tuple[Any, list[Any]]]:
    """Return authors, each with its books."""
    found: dict[int, list[Any]] = {author[0]: [] for author in authors}
    for each in books:
        found[each[8]].append(each)
    return [(author, found[author[0]]) for author in authors]


class Raw(Peer):
    """Reading tuples."""

    def plain(self, book: Any) -> Values:
        held = dict(zip(NAMES[:8], book, strict=False))
        if isinstance(held["extras"], str):
            held["extras"] = json.loads(held["extras"])
        if isinstance(held["added_at"], str):
            held["added_at"] = datetime.fromisoformat(held["added_at"])
        return held | {"in_print": bool(held["in_print"])}

    def books_of(self, author: Any) -> Sequence[Any]:
        return author[1]


def as_text(values: Values) -> tuple[Any, ...]:
    """Return the columns of one book as SQLite takes them."""
    row = {**values, "added_at": str(values["added_at"]), "extras": json.dumps(values["extras"])}
    return tuple(row.get(name) for name in NAMES[1:])


class Sqlite3(Raw):
    """The standard library, on the event loop's own thread: what no thread can reach."""

    name = "raw sqlite3, blocking"

    async def open(self, url: str) -> None:
        self.connection = sqlite3.connect(rows.path(url), isolation_level=None)
        for name, value in PRAGMAS.items():
            self.connection.execute(f"PRAGMA {name} = {value}")
        for statement in CREATE_SQLITE:
            self.connection.execute(statement)
        self.sql = marked("?")

    async def close(self) -> None:
        self.connection.close()

    async def add_authors(self, values: Sequence[Values]) -> None:
        self.connection.executemany(self.sql["author"], [tuple(v.values()) for v in values])

    async def get(self, key: int) -> Any:
        return self.connection.execute(self.sql["get"], (key,)).fetchone()

    async def insert(self, values: Values) -> Any:
        row = as_text(values)
        return (self.connection.execute(self.sql["insert"], row).lastrowid, *row)

    async def update(self, key: int, pages: int) -> Any:
        row = self.connection.execute(self.sql["get"], (key,)).fetchone()
        self.connection.execute(self.sql["update"], (pages, key))
        return (*row[:3], pages, *row[4:])

    async def list(self, limit: int) -> Sequence[Any]:
        return self.connection.execute(self.sql["list"], (limit,)).fetchall()

    async def eager(self) -> Sequence[Any]:
        authors = self.connection.execute(self.sql["authors"]).fetchall()
        return grouped(authors, self.connection.execute(self.sql["children"]).fetchall())

    async def bulk(self, values: Sequence[Values]) -> None:
        self.connection.execute("BEGIN")
        self.connection.executemany(self.sql["insert"], [as_text(each) for each in values])
        self.connection.execute("COMMIT")


class Aiosqlite(Raw):
    """aiosqlite, which hands every call to a thread."""

    name = "raw aiosqlite"

    async def open(self, url: str) -> None:
        self.connection = await aiosqlite.connect(rows.path(url), isolation_level=None)
        for name, value in PRAGMAS.items():
            await self.connection.execute(f"PRAGMA {name} = {value}")
        for statement in CREATE_SQLITE:
            await self.connection.execute(statement)
        self.sql = marked("?")

    async def close(self) -> None:
        await self.connection.close()

    async def add_authors(self, values: Sequence[Values]) -> None:
        await self.connection.executemany(self.sql["author"], [tuple(v.values()) for v in values])

    async def get(self, key: int) -> Any:
        return next(iter(await self.connection.execute_fetchall(self.sql["get"], (key,))))

    async def insert(self, values: Values) -> Any:
        row = as_text(values)
        made = await self.connection.execute_insert(self.sql["insert"], row)
        return (made[0], *row)

    async def update(self, key: int, pages: int) -> Any:
        row = await self.get(key)
        await self.connection.execute_fetchall(self.sql["update"], (pages, key))
        return (*row[:3], pages, *row[4:])

    async def list(self, limit: int) -> Sequence[Any]:
        return list(await self.connection.execute_fetchall(self.sql["list"], (limit,)))

    async def eager(self) -> Sequence[Any]:
        authors = list(await self.connection.execute_fetchall(self.sql["authors"]))
        books = await self.connection.execute_fetchall(self.sql["children"])
        return grouped(authors, list(books))

    async def bulk(self, values: Sequence[Values]) -> None:
        await self.connection.execute("BEGIN")
        await self.connection.executemany(self.sql["insert"], [as_text(each) for each in values])
        await self.connection.execute("COMMIT")


class Psycopg(Raw):
    """psycopg 3, on one asynchronous connection."""

    name = "raw psycopg"
    measured = (*Peer.measured, "copy")

    async def open(self, url: str) -> None:
        self.connection = await psycopg.AsyncConnection.connect(url, autocommit=True)
        for statement in CREATE_POSTGRESQL:
            await self.connection.execute(statement)
        self.sql = marked("%s")

    async def close(self) -> None:
        await self.connection.close()

    async def add_authors(self, values: Sequence[Values]) -> None:
        rows_ = [tuple(each.values()) for each in values]
        await self.connection.cursor().executemany(self.sql["author"], rows_)

    async def get(self, key: int) -> Any:
        return await (await self.connection.execute(self.sql["get"], (key,))).fetchone()

    async def insert(self, values: Values) -> Any:
        row = self._row(values)
        made = await self.connection.execute(self.sql["insert"] + " RETURNING id", row)
        return (*(await made.fetchone()), *values.values(), None)

    async def update(self, key: int, pages: int) -> Any:
        row = await self.get(key)
        await self.connection.execute(self.sql["update"], (pages, key))
        return (*row[:3], pages, *row[4:])

    async def list(self, limit: int) -> Sequence[Any]:
        return await (await self.connection.execute(self.sql["list"], (limit,))).fetchall()

    async def eager(self) -> Sequence[Any]:
        authors = await (await self.connection.execute(self.sql["authors"])).fetchall()
        books = await (await self.connection.execute(self.sql["children"])).fetchall()
        return grouped(authors, books)

    async def bulk(self, values: Sequence[Values]) -> None:
        many = [self._row(each) for each in values]
        async with self.connection.transaction():
            await self.connection.cursor().executemany(self.sql["insert"], many)

    async def copy(self, values: Sequence[Values]) -> None:
        sql = f"COPY book ({', '.join(NAMES[1:])}) FROM STDIN"
        async with self.connection.transaction(), self.connection.cursor().copy(sql) as copy:
            for each in values:
                await copy.write_row(self._row(each))

    def _row(self, values: Values) -> tuple[Any, ...]:
        row = {**values, "extras": Jsonb(values["extras"])}
        return tuple(row.get(name) for name in NAMES[1:])


class Asyncpg(Raw):
    """asyncpg, on one connection."""

    name = "raw asyncpg"
    measured = (*Peer.measured, "copy")

    async def open(self, url: str) -> None:
        self.connection = await asyncpg.connect(url)
        for statement in CREATE_POSTGRESQL:
            await self.connection.execute(statement)
        self.sql = marked("$")

    async def close(self) -> None:
        await self.connection.close()

    async def add_authors(self, values: Sequence[Values]) -> None:
        await self.connection.executemany(self.sql["author"], [tuple(v.values()) for v in values])

    async def get(self, key: int) -> Any:
        return await self.connection.fetchrow(self.sql["get"], key)

    async def insert(self, values: Values) -> Any:
        row = self._row(values)
        key = await self.connection.fetchval(self.sql["insert"] + " RETURNING id", *row)
        return (key, *row)

    async def update(self, key: int, pages: int) -> Any:
        row = await self.get(key)
        await self.connection.execute(self.sql["update"], pages, key)
        return (*row[:3], pages, *row[4:])

    async def list(self, limit: int) -> Sequence[Any]:
        return await self.connection.fetch(self.sql["list"], limit)

    async def eager(self) -> Sequence[Any]:
        authors = await self.connection.fetch(self.sql["authors"])
        return grouped(authors, await self.connection.fetch(self.sql["children"]))

    async def bulk(self, values: Sequence[Values]) -> None:
        # executemany() is one transaction.
        await self.connection.executemany(self.sql["insert"], [self._row(each) for each in values])

    async def copy(self, values: Sequence[Values]) -> None:
        many = [self._row(each) for each in values]
        await self.connection.copy_records_to_table("book", records=many, columns=NAMES[1:])

    def _row(self, values: Values) -> tuple[Any, ...]:
        row = {**values, "extras": json.dumps(values["extras"])}
        return tuple(row.get(name) for name in NAMES[1:])

"""The catalogue of a database: what `db.meta` creates is what it reads back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from mizzen.orm import ConfigurationError, Database, NotFound, OrmError, ReadOnly
from mizzen.orm.meta import Check, Column, Expression, ForeignKey, Index, PrimaryKey, Unique

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

HOSTILE = 'a "quoted"; DROP TABLE x; --'


SERVERS = {"postgresql": "postgres_url", "mariadb": "mariadb_url"}


@pytest.fixture(params=["memory", "postgresql", "mariadb"])
async def db(request: pytest.FixtureRequest, anyio_backend: object) -> AsyncGenerator[Database]:
    server = SERVERS.get(request.param)
    async with Database(request.getfixturevalue(server) if server else "memory:") as database:
        yield database


def kind(db: Database) -> str:
    return db.engine.dialect.name


async def make_library(db: Database) -> None:
    """Create two tables and a view that have something of everything."""
    await db.meta.create_table(
        "authors",
        [
            Column("country", "varchar(2)"),
            Column("number", "integer"),
            Column("name", "varchar(40)", nullable=False, default="nobody"),
        ],
        primary_key=["country", "number"],
        uniques=[Unique("name", "country", name="one_name")],
    )
    await db.meta.create_table(
        "books",
        [
            Column("id", "integer", primary_key=True, autoincrement=True),
            Column("title", "varchar(90)", nullable=False),
            Column("country", "varchar(2)"),
            Column("number", "integer"),
            Column("pages", "integer", default=100),
            Column("sheets", "integer", generated=Expression("pages / 2")),
        ],
        foreign_keys=[
            ForeignKey(
                ("country", "number"),
                "authors",
                ("country", "number"),
                name="by_author",
                on_delete="CASCADE",
            )
        ],
        checks=[Check(text("pages > 0"), name="some_pages")],
        indexes=[Index(("title", "pages"), name="by_title")],
    )
    await db.meta.execute(
        "CREATE VIEW long_books AS SELECT title FROM books WHERE pages > 500", write=True
    )


@pytest.mark.parametrize("name", ["plain", HOSTILE])
async def test_what_is_created_is_read_back(db: Database, name: str) -> None:
    columns = [Column("id", "integer", nullable=False), Column(name, "varchar(20)")]
    await db.meta.create_table(name, columns=columns, primary_key=["id"])
    found = await db.meta.table(name)
    assert [column.name for column in found.columns] == ["id", name]
    assert name in [table.name for table in await db.meta.tables()]
    await db.meta.create_index(name, [name], unique=True)
    # MariaDB keeps no difference between a unique index and a unique constraint.
    table = await db.meta.table(name)
    assert len([index for index in table.indexes if index.unique] or table.uniques) == 1
    await db.meta.drop_table(name)
    with pytest.raises(NotFound):
        await db.meta.table(name)


async def test_execute_reads_only_unless_told(db: Database) -> None:
    result = await db.meta.execute("SELECT 1 AS one")
    assert (list(result.columns), [tuple(row) for row in result.rows]) == (["one"], [(1,)])
    with pytest.raises(ReadOnly):
        await db.meta.execute("CREATE TABLE sneaked (id integer)")
    with pytest.raises(OrmError):
        await db.meta.execute("SELECT 1; SELECT 2")


async def test_the_parts_of_all_tables_say_whose_they_are(db: Database) -> None:
    await make_library(db)
    meta = db.meta
    found = {table.name: table for table in await meta.tables()}
    assert {name: table.kind for name, table in found.items()} == {
        "authors": "table",
        "books": "table",
        "long_books": "view",
    }
    columns = [(column.table, column.name) for column in await meta.columns()]
    assert columns == [
        (table, column.name) for table, held in found.items() for column in held.columns
    ]
    assert ("long_books", "title") in columns
    assert found["authors"].primary_key == ("country", "number")
    (reference,) = await meta.foreign_keys()
    assert (reference.table, reference.references, reference.on_delete) == (
        "books",
        "authors",
        "CASCADE",
    )
    assert reference.columns == reference.referenced == ("country", "number")
    kinds = [type(constraint) for constraint in await meta.constraints("books")]
    assert kinds == [PrimaryKey, Check, ForeignKey]
    assert PrimaryKey("country", "number") in await meta.constraints()
    assert Unique("name", "country", name="one_name") in await meta.constraints("authors")
    names = {(index.table, index.name, index.columns) for index in await meta.indexes()}
    assert ("books", "by_title", ("title", "pages")) in names
    assert not {name for _, name, _ in names} & {"one_name", "some_pages"}
    assert [view.name for view in await meta.views()] == ["long_books"]
    shown = found["long_books"].definition or ""
    assert "pages" in shown
    assert shown.rstrip(";) ").endswith("> 500")


async def test_columns_are_read_with_all_they_have(db: Database) -> None:
    await make_library(db)
    by_name = {column.name: column for column in await db.meta.columns("books")}
    assert (by_name["id"].primary_key, by_name["id"].autoincrement) == (True, True)
    assert (by_name["title"].nullable, by_name["country"].nullable) == (False, True)
    assert by_name["pages"].default == 100
    assert by_name["title"].type in {"varchar(90)", "character varying(90)"}
    generated = by_name["sheets"].generated
    assert generated is not None
    assert "pages" in str(generated)
    await db.meta.execute(
        "INSERT INTO authors (country, number, name) VALUES ('de', 1, 'ann')", write=True
    )
    await db.meta.execute(
        "INSERT INTO books (title, country, number, pages) VALUES ('a', 'de', 1, 8)", write=True
    )
    assert (await db.meta.execute("SELECT sheets FROM books")).rows == ((4,),)


async def test_sizes_are_told_the_largest_first(db: Database) -> None:
    await make_library(db)
    values = ", ".join(f"('{number:040}', 10)" for number in range(800))
    await db.meta.execute(f"INSERT INTO books (title, pages) VALUES {values}", write=True)
    await db.meta.execute("ANALYZE TABLE books" if kind(db) == "mysql" else "ANALYZE", write=True)
    books, authors = await db.meta.sizes()
    assert (books.table, authors.table) == ("books", "authors")
    assert books.rows_estimate == 800 or kind(db) == "mysql"  # InnoDB counts a sample
    if books.total_bytes is not None:  # not every SQLite tells
        assert books.total_bytes >= 800 * 40
        assert books.total_bytes == (books.table_bytes or 0) + (books.index_bytes or 0)


async def test_indexes_with_conditions_and_expressions(db: Database) -> None:
    await make_library(db)
    if kind(db) == "mysql":
        with pytest.raises(ConfigurationError, match="no indexes with a condition"):
            await db.meta.create_index("books", ["title"], name="x", where=text("pages > 5"))
        return
    made = await db.meta.create_index(
        "books", [text("lower(title)"), "pages"], name="x", unique=True, where=text("pages > 5")
    )
    assert (made.unique, str(made.where)) == (True, "pages > 5")
    assert len(made.expressions) == 2
    assert made in await db.meta.indexes("books")
    # What was read makes an equal one.
    await db.meta.create_table("copies", (await db.meta.table("books")).columns, indexes=[])
    await db.meta.drop_index("x")
    assert made.name not in {index.name for index in await db.meta.indexes()}


async def test_version_and_schemas(db: Database) -> None:
    version = await db.meta.version()
    assert version.split()[0] in {"SQLite", "PostgreSQL", "MariaDB", "MySQL"}
    assert version.split()[1][0].isdigit()
    assert (await db.meta.schemas()) != []


async def test_what_a_kind_of_database_lacks_is_said(db: Database) -> None:
    asked: dict[str, list[Callable[[], Awaitable[object]]]] = {
        "sqlite": [db.meta.functions, db.meta.extensions, db.meta.enums, db.meta.policies],
        "mysql": [db.meta.extensions, db.meta.enums, db.meta.policies],
    }
    for question in asked.get(kind(db), []):
        with pytest.raises(ConfigurationError, match=r"^(SQLite|MariaDB) has no "):
            await question()
    await make_library(db)
    if kind(db) != "postgresql":
        with pytest.raises(ConfigurationError, match="concurrently"):
            await db.meta.create_index("books", "title", concurrently=True)
    assert await db.meta.tables("no such schema") == []
    with pytest.raises(NotFound, match="no such schema"):
        await db.meta.table("books", schema="no such schema")


async def test_a_line_tells_a_table(db: Database) -> None:
    await make_library(db)
    shown = repr(await db.meta.table("books"))
    assert shown.startswith("<Table") or shown.startswith("Table(")
    assert "title" in shown
    assert "\n" not in shown

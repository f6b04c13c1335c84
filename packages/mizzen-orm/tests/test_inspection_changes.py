"""Changing a schema through `db.meta`: what is asked for happens, and nothing else."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Numeric, text

from mizzen.orm import (
    ConfigurationError,
    ConstraintFailed,
    Database,
    Field,
    Model,
    NotFound,
    OrmError,
    SearchIndex,
)
from mizzen.orm.meta import Check, Column, Expression, ForeignKey, Index, Unique
from mizzen.orm.testing import scratch_models

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

# No driver's parameters, no quotes, no comments: names are names.
NAMES = ["plain", 'a "b" `c` [d]', "per%cent %s %(x)s", ":bound ?", "select", "ünï 表", "a.b"]
KINDS = ["memory", "postgresql", "mariadb"]


@pytest.fixture(params=KINDS)
async def db(request: pytest.FixtureRequest, anyio_backend: object) -> AsyncGenerator[Database]:
    fixture = {"postgresql": "postgres_url", "mariadb": "mariadb_url"}.get(request.param)
    async with Database(request.getfixturevalue(fixture) if fixture else "memory:") as database:
        yield database


@pytest.fixture
async def sqlite(anyio_backend: object) -> AsyncGenerator[Database]:
    async with Database("memory:") as database:
        yield database


def kind(db: Database) -> str:
    return db.engine.dialect.name


async def make_people(db: Database) -> None:
    await db.meta.create_table(
        "people",
        [
            Column("id", "integer", primary_key=True, autoincrement=True),
            Column("name", "varchar(40)", nullable=False),
            Column("stars", "integer", nullable=False, default=5),
        ],
        uniques=[Unique("name", name="one_name")],
        checks=[Check(text("stars >= 0"), name="some_stars")],
        indexes=[Index(("stars",), name="by_stars")],
    )
    await db.meta.create_table(
        "pets",
        [Column("id", "integer", primary_key=True), Column("owner_id", "integer")],
        foreign_keys=[ForeignKey("owner_id", "people", "id", on_delete="CASCADE", name="owned")],
    )
    await db.meta.execute("INSERT INTO people (name) VALUES ('ann'), ('bea')", write=True)
    await db.meta.execute("INSERT INTO pets (id, owner_id) VALUES (1, 1)", write=True)


@pytest.mark.parametrize("name", NAMES)
async def test_any_name_is_only_a_name(db: Database, name: str) -> None:
    meta = db.meta
    made = await meta.create_table(
        name,
        [Column("id", "integer", primary_key=True), Column(name, "varchar(9)", default="it's %s")],
        uniques=[Unique(name, name=f"u {name}")],
    )
    assert await meta.table(name) == made
    assert [column.default for column in made.columns] == [None, "it's %s"]
    assert [(unique.name, unique.columns) for unique in made.uniques] == [(f"u {name}", (name,))]
    await meta.add_column(name, Column(f"{name} 2", "integer"))
    index = await meta.create_index(name, [f"{name} 2"], name=f"i {name}")
    assert index.columns == (f"{name} 2",)
    await meta.alter_column(name, f"{name} 2", rename=f"{name} 3")
    assert (await meta.indexes(name))[0].columns == (f"{name} 3",)
    await meta.drop_index(f"i {name}")
    await meta.drop_column(name, f"{name} 3")
    assert (await meta.rename_table(name, f"{name} new")).columns == made.columns
    await meta.drop_table(f"{name} new")
    assert await meta.tables() == []


async def test_the_parts_of_a_table_make_an_equal_table(db: Database) -> None:
    await make_people(db)
    found = await db.meta.table("people")
    again = await db.meta.create_table(
        "again",
        found.columns,
        uniques=[Unique(*held.columns, name=f"{held.name}_2") for held in found.uniques],
        checks=[Check(held.expression, name=f"{held.name}_2") for held in found.checks],
    )
    assert again.columns == found.columns
    assert again.primary_key == found.primary_key
    assert [check.expression for check in again.checks] == [c.expression for c in found.checks]
    assert found.columns[0].autoincrement is True
    assert (await db.meta.foreign_keys())[0].references == "people"


async def test_a_column_is_altered_and_the_rest_stays(db: Database) -> None:
    await make_people(db)
    before = await db.meta.table("people")
    changed = await db.meta.alter_column("people", "name", type="varchar(80)", nullable=True)
    assert (changed.type, changed.nullable) == ("varchar(80)", True)
    default = await db.meta.alter_column("people", "stars", default=7)
    assert (default.default, default.nullable) == (7, False)
    after = await db.meta.table("people")
    assert (after.uniques, after.checks) == (before.uniques, before.checks)
    assert (after.indexes, after.primary_key) == (before.indexes, before.primary_key)
    await db.meta.execute("INSERT INTO people (name) VALUES ('cleo')", write=True)
    rows = await db.meta.execute("SELECT name, stars FROM people ORDER BY id")
    assert rows.rows == (("ann", 5), ("bea", 5), ("cleo", 7))
    assert [(key.columns, key.on_delete) for key in await db.meta.foreign_keys()] == [
        (("owner_id",), "CASCADE")
    ]
    assert (await db.meta.alter_column("people", "stars", default=None)).default is None


async def test_dropping_a_column_takes_its_indexes_and_constraints(db: Database) -> None:
    await make_people(db)
    await db.meta.create_index("people", ["name", "stars"])
    await db.meta.drop_column("people", "name")
    found = await db.meta.table("people")
    assert [column.name for column in found.columns] == ["id", "stars"]
    assert [index.name for index in found.indexes] == ["by_stars"]
    assert found.uniques == ()
    assert len((await db.meta.execute("SELECT * FROM people")).rows) == 2
    await db.meta.drop_column("pets", "owner_id")
    assert await db.meta.foreign_keys() == []


async def test_a_table_that_others_refer_to_is_not_dropped(db: Database) -> None:
    await make_people(db)
    with pytest.raises(ConstraintFailed, match=r"pets\.owner_id"):
        await db.meta.drop_table("people")
    if kind(db) == "postgresql":
        await db.meta.drop_table("people", cascade=True)
        assert await db.meta.foreign_keys() == []


async def test_references_follow_a_renamed_table(db: Database) -> None:
    await make_people(db)
    await db.meta.rename_table("people", "humans")
    assert [key.references for key in await db.meta.foreign_keys("pets")] == ["humans"]


@pytest.mark.parametrize(
    "wanted",
    [
        "integer); DROP TABLE people; --",
        "varchar(20) DEFAULT (SELECT 1)",
        "varchar(1,2)",
        "nonsense",
        "",
        "text[",
        "enum('a')",
        "numeric(1,2,3)",
        "int\0",
        "interval; x",
        "\uff49\uff4e\uff54",  # "int" in wide letters
    ],
)
async def test_free_text_is_no_type(sqlite: Database, wanted: str) -> None:
    with pytest.raises(ConfigurationError, match="no column type"):
        await sqlite.meta.create_table("x", [Column("a", wanted)])
    assert await sqlite.meta.tables() == []


@pytest.mark.parametrize("name", ["", "a\0b", None, 7])
async def test_what_is_no_name_is_refused(sqlite: Database, name: Any) -> None:
    with pytest.raises(ConfigurationError, match="no name"):
        await sqlite.meta.create_table("x", [Column(name, "integer")])


async def test_a_name_that_would_be_cut_is_refused(postgres_url: str) -> None:
    async with Database(postgres_url) as db:
        with pytest.raises(ConfigurationError, match="too long"):
            await db.meta.create_table("ü" * 32, [Column("a", "integer")])


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object()])
async def test_a_default_is_a_literal_or_marked_sql(sqlite: Database, value: Any) -> None:
    with pytest.raises(ConfigurationError, match="default"):
        await sqlite.meta.create_table("x", [Column("a", "real", default=value)])


async def test_defaults_are_read_as_they_were_given(db: Database) -> None:
    given = {
        "whole": ("integer", -3),
        "money": ("numeric(10, 2)", Decimal("1.50")),
        "words": ("varchar(90)", "'); DROP TABLE x; -- \\' :a %s"),
        "number_like": ("varchar(9)", "12"),
        "truth": ("boolean", True),
    }
    columns = [Column(name, kind, default=value) for name, (kind, value) in given.items()]
    made = await db.meta.create_table("x", [Column("id", "integer", primary_key=True), *columns])
    assert {c.name: c.default for c in made.columns[1:]} == {
        name: value for name, (_, value) in given.items()
    }
    await db.meta.execute("INSERT INTO x (id) VALUES (1)", write=True)
    (row,) = (await db.meta.execute("SELECT words, whole FROM x")).rows
    assert row == (given["words"][1], -3)


async def test_an_expression_has_to_be_marked(sqlite: Database) -> None:
    meta = sqlite.meta
    made = await meta.create_table(
        "x", [Column("a", "timestamp", default=text("CURRENT_TIMESTAMP")), Column("b", Numeric(9))]
    )
    assert made.columns[0].default == Expression("CURRENT_TIMESTAMP")
    not_marked: Any = "b > 1"
    with pytest.raises(ConfigurationError, match=r"sqlalchemy\.text"):
        await meta.create_index("x", ["b"], where=not_marked)
    index = await meta.create_index(
        "x",
        [text("abs(b)"), "a"],
        name="i",
        unique=True,
        where=text("b > :least").bindparams(least=1),
    )
    assert (index.expressions, str(index.where), index.unique) == (("abs(b)", '"a"'), "b > 1", True)


async def test_what_is_not_there_is_named(db: Database) -> None:
    await make_people(db)
    meta = db.meta
    for asked in (
        meta.table("nope"),
        meta.drop_table("nope"),
        meta.drop_column("people", "nope"),
        meta.alter_column("people", "nope", nullable=True),
        meta.drop_index("nope"),
        meta.add_column("nope", Column("a", "integer")),
    ):
        with pytest.raises(NotFound, match="nope"):
            await asked


async def test_a_failed_change_leaves_nothing_behind(sqlite: Database) -> None:
    with pytest.raises(OrmError):
        await sqlite.meta.create_table(
            "x",
            [Column("a", "integer")],
            indexes=[Index(("a",), name="i"), Index(("b",), name="j")],
        )
    assert await sqlite.meta.tables() == []


async def test_a_change_inside_a_transaction_says_so(sqlite: Database) -> None:
    async with sqlite.transaction():
        with pytest.raises(ConfigurationError, match="outside"):
            await sqlite.meta.create_table("x", [Column("a", "integer")])
        with pytest.raises(ConfigurationError, match="outside"):
            await sqlite.meta.execute("CREATE TABLE x (a)", write=True)


async def test_a_rebuilt_table_keeps_what_alembic_would_lose(sqlite: Database) -> None:
    statements = [
        "CREATE TABLE u (id INTEGER PRIMARY KEY)",
        "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a int DEFAULT 1, odd GEOMETRY, "
        "u_id int REFERENCES u(id) DEFERRABLE INITIALLY DEFERRED, CHECK (a > 0), UNIQUE (a, odd))",
        "CREATE INDEX expressive ON t (lower(odd)) WHERE a > 1",
        "CREATE TABLE log (what TEXT)",
        "CREATE TRIGGER noted AFTER INSERT ON t BEGIN INSERT INTO log VALUES (new.odd); END",
        "CREATE VIEW seen AS SELECT a, odd FROM t",
        "CREATE TABLE child (t_id int REFERENCES t(id) ON DELETE CASCADE)",
        "INSERT INTO t (a, odd) VALUES (2, 'x')",
        "INSERT INTO child VALUES (1)",
    ]
    for statement in statements:
        await sqlite.meta.execute(statement, write=True)
    before = await sqlite.meta.table("t")
    await sqlite.meta.alter_column("t", "a", type="bigint", nullable=False)
    after = await sqlite.meta.table("t")
    assert (after.checks, after.uniques) == (before.checks, before.uniques)
    assert (after.indexes, after.foreign_keys) == (before.indexes, before.foreign_keys)
    assert after.columns[2:] == before.columns[2:]
    assert (await sqlite.meta.foreign_keys("child"))[0].references == "t"
    await sqlite.meta.execute("INSERT INTO t (a, odd) VALUES (3, 'y')", write=True)
    assert (await sqlite.meta.execute("SELECT * FROM seen")).rows == ((2, "x"), (3, "y"))
    assert (await sqlite.meta.execute("SELECT * FROM log")).rows == (("x",), ("y",))
    await sqlite.meta.execute("DELETE FROM t WHERE id = 1", write=True)
    assert (await sqlite.meta.execute("SELECT * FROM child")).rows == ()
    (sql,) = (await sqlite.meta.execute("SELECT sql FROM sqlite_master WHERE name = 't'")).rows[0]
    assert "AUTOINCREMENT" in sql
    await sqlite.meta.execute("DELETE FROM t", write=True)
    await sqlite.meta.alter_column("t", "a", default=None)
    await sqlite.meta.execute("INSERT INTO t (a) VALUES (4)", write=True)
    # The keys of deleted rows are not given again.
    assert (await sqlite.meta.execute("SELECT id FROM t")).rows == ((3,),)


@pytest.mark.parametrize(
    ("columns", "lost"),
    [
        ("a int, b text COLLATE NOCASE", "a collation"),
        ("a int, b text UNIQUE ON CONFLICT REPLACE", "ON CONFLICT"),
        ("a int, b int AS (a * 2) STORED", "generated"),
    ],
)
async def test_what_a_copy_would_lose_is_refused(sqlite: Database, columns: str, lost: str) -> None:
    await sqlite.meta.execute(f"CREATE TABLE t ({columns})", write=True)
    before = await sqlite.meta.table("t")
    with pytest.raises(ConfigurationError, match=lost):
        await sqlite.meta.alter_column("t", "a", type="bigint")
    assert await sqlite.meta.table("t") == before


async def test_a_column_in_use_elsewhere_is_not_dropped(sqlite: Database) -> None:
    for statement in (
        "CREATE TABLE t (a int, b int UNIQUE, c int UNIQUE, CHECK (a > 0))",
        "CREATE VIEW v AS SELECT b FROM t",
    ):
        await sqlite.meta.execute(statement, write=True)
    with pytest.raises(ConfigurationError, match="check"):
        await sqlite.meta.drop_column("t", "a")
    with pytest.raises(ConfigurationError, match="view"):
        await sqlite.meta.drop_column("t", "b")
    await sqlite.meta.drop_column("t", "c")
    assert [column.name for column in await sqlite.meta.columns("t")] == ["a", "b"]


@pytest.mark.parametrize("url", ["memory", "postgresql"])
async def test_search_indexes_follow(
    request: pytest.FixtureRequest, url: str, anyio_backend: object
) -> None:
    async with Database(
        request.getfixturevalue("postgres_url") if url == "postgresql" else "memory:"
    ) as db:
        with scratch_models():

            class Page(Model):
                id: str = Field(primary_key=True)
                title: str
                body: str = ""
                search = SearchIndex("title", "body")

            await db.create_all()
            await Page.create(id="a", title="hello world")
            await db.meta.alter_column("pages", "body", nullable=True)
            await Page.create(id="b", title="hello again")
            assert await Page.matching("hello").count() == 2
            with pytest.raises(ConfigurationError, match="search index"):
                await db.meta.drop_column("pages", "title")
            await db.meta.alter_column("pages", "title", rename="heading")
            await db.meta.rename_table("pages", "sheets")
        with scratch_models():

            class Sheet(Model):
                id: str = Field(primary_key=True)
                heading: str
                body: str | None = None
                search = SearchIndex("heading", "body")

            await Sheet.create(id="c", heading="hello there")
            assert await Sheet.matching("hello").count() == 3
            await db.meta.drop_table("sheets")
            assert await db.meta.tables() == []

"""Guarded statements: the database, not a parser, refuses what is not asked for."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest

from mizzen.orm import Busy, ConfigurationError, Database, OrmError, ReadOnly

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

COUNTING = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c)"
FOREVER = {
    "sqlite": f"{COUNTING} SELECT max(x) FROM c",
    "postgresql": "SELECT pg_sleep(60)",
    "mysql": "SELECT SLEEP(60) + (SELECT count(*) FROM t)",
}


@pytest.fixture(params=["memory", "postgresql", "mariadb"])
async def db(request: pytest.FixtureRequest, anyio_backend: object) -> AsyncGenerator[Database]:
    fixture = {"postgresql": "postgres_url", "mariadb": "mariadb_url"}.get(request.param)
    async with Database(request.getfixturevalue(fixture) if fixture else "memory:") as database:
        await database.meta.execute("CREATE TABLE t (a integer, b varchar(99))", write=True)
        await database.meta.execute("INSERT INTO t VALUES (1, 'x'), (2, 'y')", write=True)
        yield database


async def rows(db: Database) -> int:
    return (await db.meta.execute("SELECT * FROM t")).rowcount


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO t VALUES (3, 'z')",
        "UPDATE t SET a = 9",
        "DELETE FROM t",
        "DROP TABLE t",
        "CREATE TABLE u (a integer)",
        "ALTER TABLE t ADD COLUMN c integer",
        "CREATE INDEX i ON t (a)",
        "/* SELECT */ DELETE FROM t -- SELECT",
    ],
)
async def test_a_read_writes_nothing(db: Database, statement: str) -> None:
    with pytest.raises(ReadOnly):
        await db.meta.execute(statement)
    assert await rows(db) == 2
    assert [table.name for table in await db.meta.tables()] == ["t"]


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT 1; DELETE FROM t",
        "COMMIT; DELETE FROM t",
        "PRAGMA query_only = OFF",
        "PRAGMA writable_schema = 1",
        "ATTACH '/tmp/other.db' AS other",
        "SELECT load_extension('x')",
        "BEGIN IMMEDIATE",
        "VACUUM INTO '/tmp/copy.db'",
        "SET TRANSACTION READ WRITE",
        "SET transaction_read_only = off",
        "SELECT set_config('transaction_read_only', 'off', false)",
        "DO $$ BEGIN COMMIT; DELETE FROM t; END $$",
        "DO $$ BEGIN SET transaction_read_only = off; DELETE FROM t; END $$",
        "WITH gone AS (DELETE FROM t RETURNING a) SELECT * FROM gone",
        "SET STATEMENT tx_read_only = 0 FOR DELETE FROM t",
        "EXPLAIN ANALYZE DELETE FROM t",
        "CALL nothing()",
        "",
        "   ",
        "\0",
        "SELECT '",
    ],
)
async def test_no_way_around_the_guard(db: Database, statement: str) -> None:
    # Each is an error on some kind of database, and harmless on every one.
    with contextlib.suppress(OrmError):
        await db.meta.execute(statement)
    assert await rows(db) == 2
    await db.meta.execute("INSERT INTO t VALUES (3, 'z')", write=True)
    assert await rows(db) == 3


async def test_values_are_bound(db: Database) -> None:
    hostile = "x' OR '1'='1 %s :a"
    await db.meta.execute("INSERT INTO t VALUES (:1, :2)", 3, hostile, write=True)
    found = await db.meta.execute("SELECT a FROM t WHERE b = :b", {"b": hostile})
    assert found.rows == ((3,),)
    assert (await db.meta.execute("SELECT a FROM t WHERE b = :1 AND a > :2", "y", 1)).rows == (
        (2,),
    )
    assert (await db.meta.execute("SELECT '%s :x 12:30'")).rows == (("%s :x 12:30",),)
    for wrong in ((), ("y",), ("y", 1, 2), ({"c": 1},)):
        with pytest.raises(OrmError):
            await db.meta.execute("SELECT a FROM t WHERE b = :1 AND a > :2", *wrong)


async def test_the_answer_is_cut_at_the_limit(db: Database) -> None:
    answer = await db.meta.execute("SELECT a FROM t ORDER BY a", limit=1)
    assert (answer.rows, answer.truncated, answer.rowcount) == (((1,),), True, 1)
    answer = await db.meta.execute("SELECT a FROM t ORDER BY a", limit=2)
    assert (answer.truncated, len(answer)) == (False, 2)
    empty = await db.meta.execute("SELECT a, b FROM t WHERE a > 9")
    assert (empty.columns, empty.rows, bool(empty)) == (("a", "b"), (), True)
    with pytest.raises(ConfigurationError):
        await db.meta.execute("SELECT 1", limit=0)


async def test_a_statement_that_takes_too_long_is_stopped(db: Database) -> None:
    with pytest.raises(Busy, match=r"0\.2 s"):
        await db.meta.execute(FOREVER[db.engine.dialect.name], timeout=0.2)
    assert await rows(db) == 2


@pytest.mark.parametrize("url", ["memory:", "postgresql"])
async def test_a_cancelled_statement_ends(
    request: pytest.FixtureRequest, url: str, anyio_backend: object
) -> None:
    where = request.getfixturevalue("postgres_url") if url == "postgresql" else url
    async with Database(where) as db:
        statement = FOREVER[db.engine.dialect.name]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await db.meta.execute(statement, timeout=60)
        # On its way out, and not left running: the database still answers.
        assert (await db.meta.execute("SELECT 1 AS one")).rows == ((1,),)


async def test_a_failed_write_leaves_nothing(db: Database) -> None:
    with pytest.raises(OrmError):
        await db.meta.execute("INSERT INTO t SELECT a, nope FROM t", write=True)
    assert await rows(db) == 2
    answer = await db.meta.execute("UPDATE t SET b = 'w' WHERE a > 0", write=True)
    assert (answer.rowcount, answer.rows) == (2, ())


async def test_foreign_keys_hold_in_written_statements() -> None:
    async with Database("memory:") as db:
        await db.meta.execute("CREATE TABLE u (id INTEGER PRIMARY KEY)", write=True)
        await db.meta.execute("CREATE TABLE v (u_id int REFERENCES u(id))", write=True)
        with pytest.raises(OrmError, match="FOREIGN KEY"):
            await db.meta.execute("INSERT INTO v VALUES (9)", write=True)


async def test_questions_are_answered_on_sqlite() -> None:
    async with Database("memory:") as db:
        await db.meta.execute("CREATE VIRTUAL TABLE f USING fts5(a)", write=True)
        await db.meta.execute("INSERT INTO f VALUES ('hello world')", write=True)
        assert (await db.meta.execute("SELECT * FROM f WHERE f MATCH 'hello'")).rowcount == 1
        assert (await db.meta.execute("PRAGMA table_info(f)")).rowcount == 1
        assert (await db.meta.execute("EXPLAIN QUERY PLAN SELECT * FROM f")).rowcount == 1
        assert (await db.meta.execute("SELECT * FROM json_each('[1, 2]')")).rowcount == 2


async def test_an_answer_shows_itself_escaped(db: Database) -> None:
    answer = await db.meta.execute("SELECT '<script>' AS one")
    shown = answer._repr_html_()  # pyright: ignore[reportPrivateUsage]
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown
    assert repr(answer).startswith("<QueryResult ['one']: 1 rows")
    assert answer.dicts() == [{"one": "<script>"}]
    assert list(answer) == [("<script>",)]

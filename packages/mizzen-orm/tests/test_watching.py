"""Every statement can be observed, on both ways to the driver, without secrets."""

from __future__ import annotations

import asyncio
import base64
import logging
import time
from typing import TYPE_CHECKING, Annotated, Any

import pytest

from mizzen.orm import (
    Database,
    Encrypted,
    Field,
    Model,
    NotUnique,
    OrmError,
    QueryFailed,
    QueryRun,
    col,
    encryption_keys,
)
from mizzen.orm._watching import sql_text
from mizzen.orm._watching.redaction import shown_parameters, shown_sql
from mizzen.orm.testing import scratch_models

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

SECRET = "g3heim"

pytestmark = pytest.mark.extra("cryptography")

with scratch_models() as MODELS:

    class Account(Model):
        name: str = Field(unique=True)
        password: str = ""
        api_key: str | None = None
        number: Annotated[str | None, Encrypted(deterministic=True, accept_plain=True)] = None
        about: str = ""


@pytest.fixture(params=["memory", "inline", "postgresql"])
async def db(request: pytest.FixtureRequest, anyio_backend: object) -> AsyncGenerator[Database]:
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else "memory:"
    encryption_keys(base64.b64encode(bytes(32)).decode())
    with MODELS:
        async with Database(url, inline_reads=request.param == "inline") as database:
            await database.create_all()
            yield database
    encryption_keys()


@pytest.fixture
def runs(db: Database) -> list[QueryRun]:
    seen: list[QueryRun] = []
    db.on_query(seen.append)
    return seen


def here() -> str:
    """Return this line's caller as a source would name it."""
    import sys

    frame = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]
    return f"test_watching.py:{frame.f_lineno}"


def at(run: QueryRun) -> str:
    return (run.source or "").rpartition("/")[2]


async def test_a_statement_on_the_straight_path_is_told(db: Database, runs: list[QueryRun]) -> None:
    account = await Account.create(name="ann")
    line = here()
    found = await Account.get(account.id), here()
    inserted, read = runs
    assert (inserted.operation, inserted.table, inserted.rows) == ("INSERT", "accounts", 1)
    assert (read.operation, read.table, read.rows) == ("SELECT", "accounts", 1)
    assert at(read) == found[1]
    assert int(at(inserted).partition(":")[2]) == int(line.partition(":")[2]) - 1
    assert 0 < read.seconds < 5
    assert abs(read.began - time.time()) < 60
    assert read.error is None
    assert "accounts.id = " in read.sql
    assert list(_values(read)) == [account.id]


async def test_a_statement_of_a_session_is_told(db: Database, runs: list[QueryRun]) -> None:
    async with db.transaction():
        account, line = await Account.create(name="ann"), here()
        await Account.where(name="ann").update_all(about="x")
    assert await Account.all().count() == 1
    insert, update, count = [run for run in runs if run.operation in {"INSERT", "UPDATE", "SELECT"}]
    assert account.id is not None
    assert at(insert) == line
    assert update.rows == 1
    assert count.rows == 1
    assert all(at(run).startswith("test_watching.py:") for run in runs)


async def test_what_a_commit_writes_has_a_source_too(db: Database, runs: list[QueryRun]) -> None:
    async with db.transaction() as session:
        session.add(Account(name="late"))
    (insert,) = [run for run in runs if run.operation == "INSERT"]
    assert at(insert).startswith("test_watching.py:")


async def test_reads_in_a_gather_and_in_a_group_have_the_line_that_waits(
    db: Database, runs: list[QueryRun]
) -> None:
    _, line = await asyncio.gather(Account.find(1), Account.find(2)), here()
    assert [at(run) for run in runs] == [line, line]


async def test_a_thread_that_waits_for_the_facade_is_the_source(
    db: Database, runs: list[QueryRun]
) -> None:
    lines: list[str] = []

    def work() -> None:
        with db.sync as s:
            for _ in range(20):
                found, line = s(Account).find(1), here()
                lines.append(line if found is None else "")

    await asyncio.to_thread(work)
    assert [at(run) for run in runs] == lines


async def test_inline_reads_say_so(db: Database, runs: list[QueryRun]) -> None:
    await Account.find(1)
    inline = bool(getattr(db.driver, "_inline_reads", False))
    assert [run.inline for run in runs] == [inline]


async def test_bulk_inserts_are_told_once_for_each_statement(
    db: Database, runs: list[QueryRun]
) -> None:
    await Account.insert_all({"name": f"n{number}", "password": SECRET} for number in range(500))
    inserts = [run for run in runs if run.operation == "INSERT"]
    assert sum(run.rows or 0 for run in inserts) == 500
    assert not [run for run in runs if SECRET in repr(run)]
    assert all(len(run.parameters) <= 20 for run in inserts)


async def test_errors_are_told_in_our_words(db: Database, runs: list[QueryRun]) -> None:
    await Account.create(name="ann")
    with pytest.raises(NotUnique):
        await Account.create(name="ann")
    with pytest.raises(OrmError):
        await db.sql("SELECT nothing FROM accounts")
    assert [type(run.error) for run in runs] == [type(None), NotUnique, QueryFailed]


async def test_an_observer_hears_nothing_after_its_end(db: Database) -> None:
    seen: list[QueryRun] = []
    with db.on_query(seen.append):
        await Account.find(1)
    await Account.find(1)
    observing = db.on_query(seen.append)
    observing.stop()
    observing.stop()
    assert await Account.all().count() == 0
    assert len(seen) == 1
    assert db.straight is not None
    assert db.straight.watch is None
    assert not db.reader.sync_engine.dispatch.before_cursor_execute


async def test_an_observer_that_fails_is_logged_and_harms_nobody(
    db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_run: QueryRun) -> None:
        raise RuntimeError("oh")

    seen: list[QueryRun] = []
    with db.on_query(fail), db.on_query(seen.append):
        await Account.create(name="ann")
        async with db.transaction():
            await Account.create(name="bea")
    assert await Account.all().count() == 2
    assert len(seen) >= 2
    assert "observer" in caplog.text


async def test_observers_may_come_before_the_database_opens(anyio_backend: object) -> None:
    seen: list[QueryRun] = []
    database = Database("memory:")
    database.on_query(seen.append)
    for _ in range(2):
        async with database:
            assert await database.sql("SELECT 1") == [(1,)]
    assert [run.sql for run in seen] == ["SELECT 1", "SELECT 1"]


async def test_a_cancelled_read_is_told_as_such(db: Database, runs: list[QueryRun]) -> None:
    if db.url != "memory:":
        task = asyncio.create_task(db.sql("SELECT pg_sleep(20)"))
        await asyncio.sleep(0.2)
        task.cancel()
        await asyncio.wait([task])
        assert [type(run.error) for run in runs] == [asyncio.CancelledError]


async def test_no_secret_is_told_on_any_path(db: Database, runs: list[QueryRun]) -> None:
    account = await Account.create(name="a", password=SECRET, api_key=SECRET, number=SECRET)
    await account.update(password=SECRET + "2", number=SECRET + "2")
    await Account.find_by(password=SECRET)
    await Account.where(number=SECRET)
    await Account.where(number__in=[SECRET, "x"])
    await Account.where(col(Account.api_key).in_([SECRET, SECRET]), name="a")
    await Account.where(password__icontains=SECRET).count()
    await Account.where(name="a").update_all(password=SECRET)
    await db.sql("SELECT id FROM accounts WHERE password = :word", word=SECRET)
    await db.sql("SELECT id FROM accounts WHERE name = :password", password=SECRET)
    await db.sql(f"SELECT id FROM accounts WHERE password = '{SECRET}'")
    await db.sql("SELECT id FROM accounts WHERE :word = password", word=SECRET)
    async with db.transaction() as session:
        session.add(Account(name="b", password=SECRET, api_key=SECRET, number=SECRET))
        await session.flush()
        await Account.where(api_key=SECRET).delete_all()
        await Account.where(name="z").upsert_all(
            [{"id": 77, "name": "z", "password": SECRET}], on=["id"]
        )
    assert len(runs) > 12
    assert not [run for run in runs if SECRET in repr(run)]
    assert "***" in repr(runs)
    # What is no secret can still be seen.
    assert any("a" in _values(run) for run in runs)


async def test_long_values_are_cut(db: Database, runs: list[QueryRun]) -> None:
    await Account.create(name="a", about="long " * 1000)
    (value,) = [value for value in _values(runs[0]) if str(value).startswith("long")]
    assert len(str(value)) == 100


async def test_the_log_has_every_statement_and_its_line(
    database_url: str, caplog: pytest.LogCaptureFixture, anyio_backend: object
) -> None:
    caplog.set_level(logging.DEBUG, "mizzen.orm.queries")
    with MODELS:
        async with Database(database_url, log_queries=True) as db:
            await db.create_all()
            caplog.clear()
            account, line = await Account.create(name="ann", password=SECRET), here()
            async with db.transaction():
                await account.update(password=SECRET * 2)
            assert db.log is not None
            assert db.log.slowest(1)[0].seconds == max(run.seconds for run in db.log.slowest(20))
    text = "\n".join(record.getMessage() for record in caplog.records)
    assert "INSERT INTO accounts" in text
    assert line in text
    assert SECRET not in text
    assert all(record.levelno == logging.DEBUG for record in caplog.records)


async def test_slow_statements_are_warned_of(
    caplog: pytest.LogCaptureFixture, anyio_backend: object
) -> None:
    caplog.set_level(logging.DEBUG, "mizzen.orm.queries")
    slow = (
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 200000)"
        " SELECT max(x) FROM n"
    )
    async with Database("memory:", slow_queries="10ms") as db:
        await db.sql("SELECT 1")
        await db.sql(slow)
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "slow query" in record.getMessage()
    assert "test_watching.py:" in record.getMessage()


async def test_passwords_of_urls_are_never_logged(
    postgres_url: str, caplog: pytest.LogCaptureFixture, anyio_backend: object
) -> None:
    caplog.set_level(logging.DEBUG)
    seen: list[QueryRun] = []
    password = postgres_url.partition("//")[2].partition("@")[0].partition(":")[2]
    async with Database(postgres_url, log_queries=True, slow_queries=0) as db:
        db.on_query(seen.append)
        await db.sql("SELECT 1")
        with pytest.raises(OrmError):
            await db.sql("SELECT nope")
    assert password
    assert password not in caplog.text + repr(seen) + repr(db)


def _values(run: QueryRun) -> list[Any]:
    return values_of(run.parameters)


def values_of(given: Any) -> list[Any]:
    return list(given.values() if hasattr(given, "values") else given)


@pytest.mark.parametrize(
    ("sql", "given"),
    [
        ("INSERT INTO users(name, password) VALUES(?, ?)", ("ann", "S")),
        ('INSERT INTO "users" ("name", "my token") VALUES (?, lower(?)), (?, ?)', ("a", "S") * 2),
        (
            "INSERT INTO t (a, token) VALUES (%s, %s) ON CONFLICT (a) DO UPDATE SET token = %s",
            "aSS",
        ),
        ("UPDATE t SET a = ?, secret = coalesce(?, ?) WHERE a = ?", ("a", "S", "S", "a")),
        ("SELECT 1 WHERE lower(t.api_key) LIKE '%' || lower(?) || '%' AND a = ?", ("S", "a")),
        ("SELECT 1 WHERE token BETWEEN ? AND ? LIMIT ?", ("S", "S", 3)),
        ("SELECT 1 WHERE (a, token) IN ((?, ?))", ("S", "S")),
        ("SELECT 1 WHERE accessToken = ? AND a IN (?, ?)", ("S", "a", "b")),
        ("SELECT 1 WHERE a = %(a)s AND b = %(user_password)s", {"a": "a", "user_password": "S"}),
        ("SELECT CAST(? AS VARCHAR) = password", ("S",)),
        (
            "INSERT INTO t (a, token) SELECT c0, c1 FROM unnest(%(a0)s::VARCHAR[], %(a1)s::TEXT[])",
            {"a0": "a", "a1": "S"},
        ),
        ("CALL nothing(:a)", {"a": "a"}),
    ],
)
def test_secret_values_are_found_by_their_columns(sql: str, given: Any) -> None:
    values = values_of(shown_parameters(sql, given if hasattr(given, "values") else tuple(given)))
    assert "S" not in values
    harmless = [value for value in values_of(given) if value != "S"]
    assert [value for value in values if value != "***"] == harmless


@pytest.mark.parametrize(
    ("sql", "hidden"),
    [
        ("SELECT * FROM t WHERE password = 'S' AND a = 'x'", True),
        ("ALTER ROLE app PASSWORD 'S'", True),
        ("UPDATE t SET token='S''x'", True),
        ("SELECT 'S' AS a", False),
    ],
)
def test_secret_texts_in_a_statement_are_hidden(sql: str, hidden: bool) -> None:
    assert ("'S" not in shown_sql(sql)) is hidden


@pytest.mark.parametrize(
    ("sql", "operation", "table", "written"),
    [
        ("SELECT a FROM t", "SELECT", "t", set[str]()),
        (' -- a note\n(select * from "My ""T""")', "SELECT", 'My "T"', set[str]()),
        ("/* x */ INSERT OR IGNORE INTO main.t (a) VALUES (1)", "INSERT", "t", {"t"}),
        ('UPDATE ONLY "s"."t" SET a = \'DELETE FROM u\'', "UPDATE", "t", {"t"}),
        ("DELETE FROM `t` WHERE a", "DELETE", "t", {"t"}),
        (
            "WITH d AS (DELETE FROM a RETURNING *) INSERT INTO b SELECT * FROM d",
            "WITH",
            "a",
            {*"ab"},
        ),
        ("TRUNCATE TABLE t", "TRUNCATE", "t", {"t"}),
        ("", "", None, set[str]()),
    ],
)
def test_a_statement_says_what_it_does(
    sql: str, operation: str, table: str | None, written: set[str]
) -> None:
    assert sql_text.operation(sql) == operation
    assert sql_text.table(sql) == table
    assert sql_text.written(sql) == written

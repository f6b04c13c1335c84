"""What MariaDB does behind our back, and what its driver does about it."""

from __future__ import annotations

import asyncio
import warnings
from contextlib import closing
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Column, Numeric, text

from mizzen.orm import (
    Busy,
    ConfigurationError,
    ConstraintFailed,
    Database,
    Field,
    Invalid,
    Model,
    NotUnique,
    QueryFailed,
    ReadOnly,
    Timestamps,
    Unavailable,
)
from mizzen.orm.testing import scratch_models

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from pathlib import Path

    from mizzen.testing import Proxy

pytestmark = [pytest.mark.extra("asyncmy"), pytest.mark.usefixtures("mizzen_models")]


class Size(Enum):
    small = "s"
    large = "l"


@pytest.fixture
async def maria(mariadb_url: str) -> AsyncGenerator[Database]:
    """Return a started database without tables."""
    async with Database(mariadb_url, timeout="20s") as database:
        yield database


def note() -> type[Any]:
    """Define a model with one column of each kind."""

    class Note(Timestamps, Model):
        title: str = Field(unique=True, max_length=40)
        body: str = ""
        stars: int = 0
        ratio: float = 0.0
        price: Decimal | None = Field(default=None, sa_column=Column(Numeric(20, 6)))
        done: bool = False
        token: UUID | None = None
        size: Size = Size.small
        tags: list[str] = Field(default_factory=list)
        facts: dict[str, Any] = Field(default_factory=dict)
        raw: bytes = b""
        day: date | None = None
        hour: time | None = None
        long: str = Field(default="", max_length=100_000)

    return Note


async def test_each_kind_of_value_comes_back(maria: Database) -> None:
    made = note()
    await maria.create_all()
    moment = datetime(2026, 3, 4, 5, 6, 7, 890123, tzinfo=timezone(timedelta(hours=5)))
    values: dict[str, Any] = {
        "title": "a `quote` \" ' \\ % :x 🦀 é",
        "body": "x" * 255,
        "stars": -5,
        "ratio": 0.1 + 0.2,
        "price": Decimal("12345678901234.567891"),
        "done": True,
        "token": uuid4(),
        "size": Size.large,
        "tags": ["ö", '"'],
        "facts": {"a": [1, None, {"b": "🦀"}]},
        "raw": bytes(range(256)) * 300,
        "day": date(2026, 1, 2),
        "hour": time(1, 2, 3, 456789),
        "long": "🦀" * 100_000,
        "created_at": moment,
    }
    await made.create(**values)
    (found,) = await made.all()
    for name, value in values.items():
        assert getattr(found, name) == value, name
    assert found.created_at.tzinfo is UTC
    assert found.updated_at.microsecond == (await made.all().first()).updated_at.microsecond
    assert await made.where(created_at=moment, token=values["token"]).count() == 1


async def test_texts_are_told_apart_by_case_and_by_spaces_at_their_end(maria: Database) -> None:
    made = note()
    await maria.create_all()
    await made.insert_all([{"title": title} for title in ("ann", "ANN", "ann ", "änn")])
    assert await made.where(title="ann").count() == 1
    assert await made.where(title__contains="A").pluck("title") == ["ANN"]
    assert await made.where(title__icontains="Ä").pluck("title") == ["änn"]
    assert await made.order("title").pluck("title") == ["ANN", "ann", "ann ", "änn"]


async def test_values_that_do_not_fit_are_refused_not_cut(maria: Database) -> None:
    made = note()
    await maria.create_all()
    row = await made.create(title="a")
    with pytest.raises(Invalid, match="body"):
        await made.create(title="b", body="x" * 256)
    with pytest.raises(Invalid, match="stars"):
        await made.where(id=row.id).update_all(stars=2**40)
    assert await made.all().count() == 1


async def test_a_repeated_value_is_not_told_to_logs(maria: Database) -> None:
    made = note()
    await maria.create_all()
    await made.create(title="secret' for key 'x")
    with pytest.raises(NotUnique) as raised:
        await made.create(title="secret' for key 'x")
    assert "secret" not in str(raised.value)
    assert "title" in str(raised.value)


async def test_a_missing_value_and_a_failed_check_are_constraints(maria: Database) -> None:
    async with maria.transaction() as session:
        await session.execute(
            text("CREATE TABLE t (a INT NOT NULL, b INT, CHECK (b > 0))"),
        )
    for statement in ("INSERT INTO t VALUES (NULL, 1)", "INSERT INTO t VALUES (1, -1)"):
        with pytest.raises(ConstraintFailed), maria.explained():
            async with maria.engine.begin() as connection:
                await connection.execute(text(statement))


async def test_a_read_only_transaction_says_so(maria: Database) -> None:
    note()
    await maria.create_all()
    with pytest.raises(ReadOnly), maria.explained():
        async with maria.engine.connect() as connection:
            await connection.execute(text("START TRANSACTION READ ONLY"))
            await connection.execute(text("DELETE FROM notes"))


async def test_new_tables_bring_no_warnings(
    maria: Database, caplog: pytest.LogCaptureFixture
) -> None:
    note()

    class Seat(Model):
        row: int = Field(primary_key=True)
        number: int = Field(primary_key=True)

    with caplog.at_level("WARNING"), warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        await maria.create_all()
    assert [record.getMessage() for record in caplog.records] == []
    assert [str(each.message) for each in warned] == []
    assert await Seat.create(row=1, number=2) == await Seat.get((1, 2))


async def test_connections_have_our_settings(maria: Database) -> None:
    async with maria.engine.connect() as connection:
        row = await connection.execute(
            text("SELECT @@sql_mode, @@time_zone, @@tx_isolation, @@character_set_client")
        )
        modes, zone, isolation, charset = row.one()
    assert "STRICT_ALL_TABLES" in modes
    assert "ANSI_QUOTES" not in modes
    assert (zone, isolation, charset) == ("+00:00", "READ-COMMITTED", "utf8mb4")


async def test_two_hundred_increments_at_once_lose_none(maria: Database) -> None:
    made = note()
    await maria.create_all()
    row = await made.create(title="a")
    async with asyncio.TaskGroup() as group:
        for _ in range(200):
            group.create_task(made.where(id=row.id).update_all(stars=made.stars + 1))
    assert (await made.get(row.id)).stars == 200


async def test_a_cancelled_query_costs_its_connection_and_nothing_else(mariadb_url: str) -> None:
    made = note()
    async with Database(mariadb_url, connections=1, timeout="5s") as database:
        await database.create_all()
        for _ in range(4):  # more often than there are connections
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1), database.session() as session:
                    await session.execute(text("SELECT SLEEP(20)"))
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1), database.transaction() as session:
                    await made.create(title="never")
                    await session.execute(text("SELECT SLEEP(20)"))
        assert await made.all().count() == 0
        await made.create(title="a")
        assert [row.title for row in await made.all()] == ["a"]
        assert database.stats()["connections_busy"] == 0


async def test_connections_that_the_server_has_closed_are_replaced(mariadb_url: str) -> None:
    made = note()
    async with Database(mariadb_url, connections=1) as database, Database(mariadb_url) as other:
        await database.create_all()
        await made.using(database).create(title="a")
        async with database.engine.connect() as connection:
            mine = (await connection.execute(text("SELECT CONNECTION_ID()"))).scalar_one()
        async with other.engine.connect() as connection:
            await connection.execute(text(f"KILL {int(mine)}"))
        assert await made.using(database).count() == 1


async def test_lost_connections_cost_a_reconnect_not_an_error(
    mariadb_url: str, tcp_proxy: Callable[[str], Proxy]
) -> None:
    made = note()
    proxy = tcp_proxy(mariadb_url)
    async with Database(proxy.url, connections=3) as database:
        await database.create_all()
        await made.create(title="a")
        await asyncio.gather(*(made.all().count() for _ in range(6)))
        await asyncio.to_thread(proxy.cut)
        with pytest.raises(Unavailable):
            await made.all().count()
        await asyncio.to_thread(proxy.heal)
        assert await asyncio.gather(*(made.all().count() for _ in range(6))) == [1] * 6
        assert database.stats()["connections_busy"] == 0


async def test_a_schema_is_made_and_changed_by_migrations(maria: Database, tmp_path: Path) -> None:
    with scratch_models():
        note()
        migrations = maria.migrations(tmp_path)
        await migrations.make("first")
        await migrations.up()
        assert await migrations.make("nothing") is None
    with scratch_models():
        made = note()
        again: Any = type(
            "Extra",
            (Model,),
            {"__annotations__": {"name": str}, "__module__": __name__},
        )
        await maria.migrations(tmp_path).make("second")
        await maria.migrations(tmp_path).up()
        row = await made.create(title="a")
        assert (await made.get(row.id)).created_at == row.created_at
        assert (await again.create(name="x")).id == 1


async def test_only_one_process_changes_the_schema(mariadb_url: str) -> None:
    note()
    async with Database(mariadb_url, timeout="1s") as one, Database(mariadb_url) as other:
        async with one.engine.begin() as connection:
            await connection.run_sync(one.driver.before_migrations)
            with pytest.raises(Busy, match="schema"):
                async with Database(mariadb_url, timeout="1s") as late:
                    await late.create_all()
        await other.create_all()  # the lock went with its connection
        await one.create_all()


async def test_rows_are_inserted_where_the_server_returns_nothing(
    maria: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = note()
    await maria.create_all()
    dialect: Any = maria.engine.dialect
    monkeypatch.setattr(dialect, "insert_returning", False)  # as MySQL's
    rows = await made.insert_all([{"title": str(number)} for number in range(20)])
    assert [row.title for row in rows] == [(await made.get(row.id)).title for row in rows]
    given = await made.insert_all(
        [{"id": 100 + number, "title": f"x{number}"} for number in (1, 2)]
    )
    assert [row.id for row in given] == [101, 102]


@pytest.mark.parametrize(
    ("url", "message"),
    [("mysql://host", "names no database"), ("mysql+mysqldb://host/name", "asyncmy")],
)
def test_a_url_that_cannot_work_is_refused(url: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Database(url)


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    import socket

    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        url = f"mariadb://u:secret@127.0.0.1:{free.getsockname()[1]}/x"
        with pytest.raises(Unavailable) as raised:
            await Database(url).start()
    assert "secret" not in str(raised.value)


async def test_upserts_mean_one_rule(maria: Database) -> None:
    class Person(Model):
        email: str = Field(unique=True, max_length=80)
        badge: str | None = Field(default=None, unique=True, max_length=20)
        name: str = ""

    await maria.create_all()
    ann, bea = await Person.insert_all(
        [{"email": "ann", "badge": "1"}, {"email": "bea", "badge": "2"}]
    )
    found = await Person.upsert_all(
        [{"email": "cid", "name": "C"}, {"email": "ann", "name": "A"}], on=["email"]
    )
    assert [(row.email, row.name) for row in found] == [("cid", "C"), ("ann", "A")]
    assert found[1].id == ann.id
    assert (await Person.get(ann.id)).badge == "1"
    with pytest.raises(NotUnique, match="another Person has badge"):
        await Person.upsert_all([{"email": "new", "badge": "2", "name": "N"}], on=["email"])
    with pytest.raises(NotUnique, match="badge"):
        await Person.upsert_all([{"email": "ann", "badge": "2", "name": "N"}], on=["email"])
    assert [(await Person.get(row.id)).name for row in (ann, bea)] == ["A", ""]
    with pytest.raises(QueryFailed, match="no unique rule"):
        await Person.upsert_all([{"email": "x", "name": "y"}], on=["name"])
    (changed,) = await Person.upsert_all([{"id": bea.id, "email": "bee"}], on=["id"])
    assert (changed.id, changed.email, changed.badge) == (bea.id, "bee", "2")
    rows = [{"email": "dan"}, {"email": "ann"}, {"email": "eva", "badge": "1"}]
    missing = await Person.all().insert_all(rows, ignore=True)
    assert [row.email for row in missing] == ["dan"]
    assert await Person.all().count() == 4


async def test_a_plan_is_shown_and_measured(maria: Database) -> None:
    made = note()
    await maria.create_all()
    assert "query_block" in await made.all().explain()
    assert "r_total_time_ms" in await made.all().explain(analyze=True)

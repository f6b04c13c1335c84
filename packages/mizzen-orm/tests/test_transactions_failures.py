"""After an error in a transaction nothing of it is saved, on every database, and it says so."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from mizzen.orm import (
    Conflict,
    Database,
    Field,
    Model,
    NotUnique,
    OrmError,
    RolledBack,
)
from mizzen.orm.testing import scratch_models

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from sqlalchemy.ext.asyncio import AsyncSession

MODELS = scratch_models()

with MODELS:

    class Seat(Model):
        name: str = Field(unique=True, max_length=80)
        price: int = 0


@pytest.fixture(
    params=[
        "memory:",
        pytest.param("postgres_url", id="postgresql", marks=pytest.mark.extra("psycopg")),
        pytest.param("mariadb_url", id="mariadb", marks=pytest.mark.extra("asyncmy")),
    ]
)
async def db(request: pytest.FixtureRequest, anyio_backend: object) -> AsyncGenerator[Database]:
    url = request.param
    with MODELS:
        async with Database(url if ":" in url else request.getfixturevalue(url)) as database:
            await database.create_all()
            await Seat.create(name="taken")
            yield database


async def sent(db: Database, session: AsyncSession) -> None:
    await session.execute(text("INSERT INTO seats (name, price) VALUES ('taken', 1)"))


FAILS: dict[str, Callable[[Database, AsyncSession], Any]] = {
    "create": lambda db, session: Seat.create(name="taken"),
    "insert_all": lambda db, session: Seat.insert_all([{"name": "taken"}]),
    "update_all": lambda db, session: Seat.where(name="first").update_all(name="taken"),
    "a read": lambda db, session: db.sql("SELECT nothing FROM nowhere"),
    "a statement of one's own": sent,
}


@pytest.mark.parametrize("way", list(FAILS))
async def test_nothing_is_saved_after_an_error_that_was_caught(db: Database, way: str) -> None:
    first = Seat(name="first")
    with pytest.raises(RolledBack, match=r"`async with db\.transaction\(\):` inside") as caught:
        async with db.transaction() as session:
            await first.save()
            with suppress(OrmError, SQLAlchemyError):
                await FAILS[way](db, session)
    assert first.is_new
    assert "taken" not in str(caught.value).replace("'taken'", "")
    assert await Seat.all().pluck("name") == ["taken"]
    await first.save()
    assert await Seat.all().count() == 2
    assert db.stats()["connections_busy"] == 0


async def test_what_follows_an_error_is_refused_at_once(db: Database) -> None:
    with pytest.raises(RolledBack):
        async with db.transaction():
            with suppress(NotUnique):
                await Seat.create(name="taken")
            later = Seat(name="later")
            for refused in (
                later.save,
                Seat.all().count,
                Seat.all().all,
                lambda: Seat.insert_all([{"name": "other"}]),
                lambda: Seat.get(1),
                inner_transaction_of(db),
            ):
                with pytest.raises(RolledBack, match="a statement in it failed"):
                    await refused()
            assert later.is_new
    assert await Seat.all().pluck("name") == ["taken"]


def inner_transaction_of(db: Database) -> Callable[[], Any]:
    async def run() -> None:
        async with db.transaction():
            raise AssertionError("a savepoint of nothing")

    return run


async def test_an_inner_transaction_fails_by_itself(db: Database) -> None:
    async with db.transaction() as session:
        await Seat.create(name="first")
        for way, fail in FAILS.items():
            with pytest.raises((OrmError, SQLAlchemyError)):
                async with db.transaction():
                    await Seat.create(name=f"with {way}")
                    await fail(db, session)
        await Seat.create(name="last")
    assert await Seat.order("id").pluck("name") == ["taken", "first", "last"]


async def test_an_error_caught_inside_an_inner_transaction_ends_that_one(db: Database) -> None:
    async with db.transaction() as session:
        await Seat.create(name="first")
        for fail in FAILS.values():
            with pytest.raises(RolledBack):
                async with db.transaction():
                    await Seat.create(name="inner")
                    with suppress(OrmError, SQLAlchemyError):
                        await fail(db, session)
        await Seat.create(name="last")
    assert await Seat.order("id").pluck("name") == ["taken", "first", "last"]


async def test_a_savepoint_of_sqlalchemys_own_counts(db: Database) -> None:
    async with db.transaction() as session:
        await Seat.create(name="first")
        with pytest.raises(SQLAlchemyError):
            async with session.begin_nested():
                await sent(db, session)
        await Seat.create(name="last")
    assert await Seat.order("id").pluck("name") == ["taken", "first", "last"]


async def test_a_conflict_that_was_caught_is_tried_again(db: Database) -> None:
    tried = 0
    async for attempt in db.attempts(pause=0):
        async with attempt:
            tried += 1
            await Seat.create(name=f"seat {tried}")
            if tried == 1:
                raise RolledBack("over") from Conflict("a deadlock")
    assert tried == 2
    assert await Seat.order("id").pluck("name") == ["taken", "seat 2"]


async def test_reads_of_a_session_go_on_after_an_error(db: Database) -> None:
    async with db.session():
        with pytest.raises(OrmError):
            await db.sql("SELECT nothing FROM nowhere")
        assert await Seat.all().count() == 1
        assert await Seat.all().max("price") == 0

"""A connection that is given up while it opens is closed at once, whoever holds the error.

A PostgreSQL backend that waits for a client's password takes no part in what DROP DATABASE waits
for: a half-open connection, kept alive by a traceback, held up a drop for a minute.
"""

from __future__ import annotations

import asyncio
import gc
import select
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from mizzen.orm import Database, Field, Model, Unavailable
from mizzen.orm._connections.finish import finish
from mizzen.orm.testing import scratch_models

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator

    from mizzen.testing import Proxy

MODELS = scratch_models()

with MODELS:

    class Row(Model):
        text: str = Field(default="", max_length=80)


@contextmanager
def no_collection() -> Generator[None]:
    """What stays open then stays open by somebody's reference."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


async def none_left(proxy: Proxy) -> None:
    async with asyncio.timeout(5):
        while proxy.connections:  # noqa: ASYNC110  (the server's side of it ends a moment later)
            await asyncio.sleep(0.01)


async def by_session(db: Database) -> None:
    async with db.session() as session:
        await session.connection()


async def straight(db: Database) -> None:
    await Row.using(db).find(1)


async def in_a_transaction(db: Database) -> None:
    async with db.transaction():
        await Row.insert_all([{"text": "x"}])


@pytest.mark.parametrize("work", [by_session, straight, in_a_transaction])
@pytest.mark.parametrize(
    "server",
    [
        pytest.param("postgres_url", id="postgresql"),
        pytest.param("mariadb_url", id="mariadb", marks=pytest.mark.extra("asyncmy")),
    ],
)
async def test_a_cancelled_connection_is_closed_though_its_error_is_kept(
    request: pytest.FixtureRequest,
    server: str,
    tcp_proxy: Callable[[str], Proxy],
    work: Callable[[Database], Coroutine[Any, Any, None]],
    anyio_backend: object,
) -> None:
    proxy = tcp_proxy(request.getfixturevalue(server))
    kept: list[object] = []
    opened = 0
    with MODELS:
        db = await Database(proxy.url).start()
        await db.create_all()
        await db.aclose()
        with no_collection():
            for waits in range(150):
                await db.start()
                await db.engine.dispose()  # so that the next one opens a connection
                before = proxy.accepted_total
                task = asyncio.create_task(work(db))
                end = time.monotonic() + waits * 0.0002
                while time.monotonic() < end:  # noqa: ASYNC110  (finer than the loop's timers)
                    await asyncio.sleep(0)
                task.cancel()
                kept += await asyncio.gather(task, return_exceptions=True)
                opened += proxy.accepted_total > before
                assert db.stats()["connections_busy"] == 0, waits
                await db.aclose()
                await none_left(proxy)
                if kept[-1] is None:
                    break
    assert any(isinstance(each, asyncio.CancelledError) for each in kept)
    assert opened > 1


async def test_a_database_is_dropped_while_errors_of_its_clients_are_kept(
    mizzen_postgres: Any, anyio_backend: object
) -> None:
    kept: list[object] = []
    with MODELS, no_collection(), mizzen_postgres.fresh() as url:
        db = await Database(url).start()
        await db.create_all()
        for waits in range(30):
            await db.engine.dispose()
            tasks = [asyncio.create_task(by_session(db)) for _ in range(4)]
            for _ in range(waits):
                await asyncio.sleep(0.0003)
            for task in tasks:
                task.cancel()
            kept += await asyncio.gather(*tasks, return_exceptions=True)
        await db.aclose()
        before = time.monotonic()
    assert any(isinstance(each, asyncio.CancelledError) for each in kept)
    assert time.monotonic() - before < 20  # PostgreSQL would wait for a password for 60 s


async def test_a_server_that_never_answers_is_told_within_the_timeout(
    postgres_url: str, tcp_proxy: Callable[[str], Proxy], anyio_backend: object
) -> None:
    proxy = tcp_proxy(postgres_url)
    proxy.cut()
    with pytest.raises(Unavailable):
        await Database(proxy.url).start()


@pytest.mark.extra("psycopg")
async def test_a_database_given_up_while_it_opens_leaves_no_connection(postgres_url: str) -> None:
    for number in range(40):
        database = Database(postgres_url)
        opening = asyncio.create_task(database.start())
        await asyncio.sleep(number * 0.0015)
        opening.cancel()
        await asyncio.wait([opening])
        if not opening.cancelled():
            await database.aclose()
    async with Database(postgres_url, connections=1) as database:
        asked = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> :me"
        (mine,) = (await database.sql("SELECT pg_backend_pid()"))[0]
        others: list[Any] = [mine]
        for _ in range(100):
            others = list(await database.sql(asked, me=mine))
            if not others:
                break
            await asyncio.sleep(0.05)
        assert others == []


def test_an_ending_outlives_the_end_of_the_loop() -> None:
    ended: list[bool] = []

    async def ending() -> None:
        await asyncio.sleep(0)
        ended.append(True)

    async def cancels_all_as_the_loop_does() -> None:
        work = asyncio.create_task(finish(ending()))
        await asyncio.sleep(0)  # the ending has a task of its own by now, which has not begun
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.wait([work])
        assert work.cancelled()

    asyncio.run(cancels_all_as_the_loop_does())
    assert ended == [True]


@pytest.mark.extra("psycopg")
def test_a_query_that_the_end_of_the_loop_cuts_short_leaves_no_connection(
    postgres_url: str,
) -> None:
    import psycopg

    def left() -> list[psycopg.AsyncConnection[Any]]:
        every = [each for each in gc.get_objects() if type(each) is psycopg.AsyncConnection]
        return [each for each in every if not each.closed]

    async def abandons(rounds: int) -> None:
        async with Database(postgres_url) as database:
            query = asyncio.create_task(database.sql("SELECT pg_sleep(0.1)"))
            async with asyncio.timeout(5):
                while not database.stats()["connections_busy"]:  # noqa: ASYNC110
                    await asyncio.sleep(0.001)
            await asyncio.sleep(0.05)
        # The answer is there, and the loop has not seen it yet.
        select.select(left(), [], [], 1)
        for _ in range(rounds):
            await asyncio.sleep(0)
        assert query

    for rounds in range(15):
        asyncio.run(abandons(rounds))
        assert left() == [], rounds

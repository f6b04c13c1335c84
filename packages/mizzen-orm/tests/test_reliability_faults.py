"""Killed programs, servers that restart, disks that are full, files that are broken."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from mizzen.orm import Damaged, Database, Model, OrmError, SearchIndex, Unavailable
from mizzen.orm.testing import scratch_models

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator
    from pathlib import Path

    from mizzen.testing import Process, Proxy

MODELS = scratch_models()

with MODELS:

    class Entry(Model):
        text: str = ""
        number: int = 0
        search = SearchIndex("text")

    class Balance(Model):
        amount: int = 0


DEFINED = """
import asyncio, os, sys
from mizzen.orm import Database, Model, OrmError, SearchIndex

class Entry(Model):
    text: str = ""
    number: int = 0
    search = SearchIndex("text")

class Balance(Model):
    amount: int = 0
"""

MOVES = (
    DEFINED
    + """
async def move(db, number):
    async with db.transaction():
        one, two = await Balance.order("id").with_lock().all()
        await one.update(amount=one.amount - 1)
        await Entry.create(text=f"moved {number}", number=number)
        async with db.transaction():
            await two.update(amount=two.amount + 1)

async def main(url, start):
    async with Database(url) as db:
        for number in range(int(start), 1_000_000):
            await move(db, number)
            await Entry.create(text="alone", number=-number)
            print("saved", number, flush=True)

asyncio.run(main(*sys.argv[1:]))
"""
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "a.db"


@pytest.fixture(params=["sqlite", pytest.param("postgres_url", id="postgresql")])
def url(request: pytest.FixtureRequest, file: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{file}"
    return str(request.getfixturevalue(request.param))


@pytest.fixture
async def db(url: str, anyio_backend: object) -> AsyncGenerator[Database]:
    with MODELS:
        async with Database(url) as database:
            await database.create_all()
            yield database


async def test_killed_in_the_middle_again_and_again_nothing_is_half_or_lost(
    db: Database, url: str, worker_process: Callable[..., Process]
) -> None:
    await Balance.insert_all([{"amount": 1000}, {"amount": 0}])
    saved = 0
    for round_ in range(2):
        process = worker_process("-c", MOVES, url, str(saved + 1))
        await process.wait_for(f"saved {saved + 2 + round_}", 30)
        await asyncio.sleep(0.003 * round_)  # somewhere in the middle of the next ones
        process.kill()
        reported = int(process.output.split("saved ")[-1].split()[0])
        moved = await Entry.where(number__gt=0).max("number")
        assert reported <= moved <= reported + 1
        one, two = await Balance.order("id")
        assert (one.amount, two.amount) == (1000 - moved, moved)
        assert await Entry.where(number__gt=0).count() == moved
        assert await Entry.matching("moved").count() == moved
        saved = moved
        await Entry.where(number__lt=-saved).delete_all()
    if url.startswith("sqlite"):
        async with db.engine.connect() as connection:
            for check in ("integrity_check", "foreign_key_check"):
                found = (await connection.execute(text(f"PRAGMA {check}"))).fetchall()
                assert found in ([("ok",)], [])
    else:
        asked = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND state LIKE 'idle in transaction%'"
        )
        async with db.transaction() as session:
            assert (await session.execute(text(asked))).scalar_one() == 0


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110  (others make it true)
            await asyncio.sleep(0.01)


@pytest.mark.slow
@pytest.mark.extra("mizzen.testing")
async def test_a_server_that_crashes_costs_errors_only_while_it_is_away(
    anyio_backend: object,
) -> None:
    from mizzen.testing import postgres

    with MODELS, postgres() as server, server.fresh() as url:
        assert server.ours, "a server that is not ours is not to be crashed"
        async with Database(url) as db, db.engine.connect() as connection:
            # The test server saves late; this one has to keep what it said is saved.
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            name = db.engine.url.database
            await connection.exec_driver_sql(f"ALTER DATABASE {name} SET synchronous_commit = on")
        async with Database(url, connections=3, timeout="5s") as db:
            await db.create_all()
            entry = await Entry.create(text="kept")
            going, errors, done = True, list[str](), [0]

            async def work(number: int) -> None:
                while going:
                    try:
                        await Entry.get(entry.id)
                        await Entry.all().count()
                        async with db.transaction():
                            await Entry.create(text="x", number=number)
                            await Entry.create(text="x", number=number)
                    except OrmError as error:
                        errors.append(f"{type(error).__name__}: {error}")
                        await asyncio.sleep(0.02)
                    else:
                        done[0] += 1

            workers = [asyncio.create_task(work(number)) for number in range(6)]
            await until(lambda: done[0] >= 12)
            victim = (await db.sql("SELECT pg_backend_pid()"))[0][0]
            # The server ends all the other connections, and starts again.
            os.kill(int(victim), signal.SIGKILL)
            await until(lambda: bool(errors))
            before = done[0]
            await until(lambda: done[0] >= before + 24)
            going = False
            await asyncio.gather(*workers)
            assert {error.partition(":")[0] for error in errors} == {"Unavailable"}, errors
            errors.clear()
            assert (await Entry.get(entry.id)).text == "kept"
            assert await Entry.where(text="x").count() % 2 == 0
            assert await Entry.where(text="x").count() >= 2 * done[0]
            assert db.stats()["connections_busy"] == 0


@pytest.mark.parametrize(
    "server",
    [
        pytest.param("postgres_url", id="postgresql"),
        pytest.param("mariadb_url", id="mariadb", marks=pytest.mark.extra("asyncmy")),
    ],
)
async def test_a_connection_that_is_cut_is_named_and_replaced(
    request: pytest.FixtureRequest,
    server: str,
    tcp_proxy: Callable[[str], Proxy],
    anyio_backend: object,
) -> None:
    proxy = tcp_proxy(request.getfixturevalue(server))
    with MODELS:
        async with Database(proxy.url, connections=3) as db:
            await db.create_all()
            kept = await Balance.create(amount=1)
            made = Balance(amount=2)

            async def cut_inside() -> None:
                async with db.transaction():
                    await kept.update(amount=5)
                    async with db.transaction():
                        await made.save()
                        proxy.cut()
                        await Balance.create(amount=3)

            async def cut_before_the_commit() -> None:
                async with db.transaction():
                    await made.save()
                    proxy.cut()

            for way in (cut_inside, cut_before_the_commit):
                with pytest.raises(Unavailable):
                    await way()
                assert db.stats()["connections_busy"] == 0
                assert made.is_new
                with pytest.raises(Unavailable):
                    await Balance.get(kept.id)
                with pytest.raises(Unavailable):
                    await Balance.all().count()
                proxy.heal()
                reads = [*(Balance.get(kept.id) for _ in range(4))]
                assert [each.amount for each in await asyncio.gather(*reads)] == [1] * 4
                counts = [Balance.all().count() for _ in range(4)]
                assert await asyncio.gather(*counts) == [1] * 4
            proxy.cut()  # what lies idle in the pool is dead, and nobody has noticed yet
            proxy.heal()
            reads = [*(Balance.get(kept.id) for _ in range(4))]
            counts = [Balance.all().count() for _ in range(4)]
            await asyncio.gather(*reads, *counts)
            await made.save()
            assert await Balance.all().count() == 2


FILL = (
    DEFINED
    + """
async def main(url):
    async with Database(url) as db:
        await db.create_all()
        await Entry.create(text="first")
        errors = []
        for way in (
            lambda: Entry.create(text="x" * 50_000),
            lambda: Entry.insert_all([{"text": "x" * 50_000}] * 40),
            lambda: in_transaction(db),
        ):
            try:
                for _ in range(100):
                    await way()
            except OrmError as error:
                errors.append(type(error).__name__)
        print("errors", *errors, flush=True)
        print("read", (await Entry.get(1)).text, await Entry.all().count() > 0, flush=True)
        print("busy", db.stats()["connections_busy"], flush=True)

async def in_transaction(db):
    async with db.transaction():
        await Entry.create(text="y" * 20_000)
        async with db.transaction():
            await Entry.create(text="y" * 50_000)

asyncio.run(main(*sys.argv[1:]))
"""
)


async def test_a_full_disk_is_named_and_breaks_nothing(
    file: Path, worker_process: Callable[..., Process], anyio_backend: object
) -> None:
    process = worker_process("-c", FILL, f"sqlite:///{file}", max_file_size="1500KB")
    assert await process.wait(60) == 0, process.output
    assert "errors Unavailable Unavailable Unavailable" in process.output
    assert "read first True" in process.output
    assert "busy 0" in process.output
    with MODELS:
        async with Database(f"sqlite:///{file}") as db:  # there is room again
            assert await Entry.where(text__startswith="y").count() % 2 == 0
            await Entry.create(text="after")
            async with db.engine.connect() as connection:
                found = await connection.execute(text("PRAGMA integrity_check"))
                assert found.scalar_one() == "ok"


async def test_a_database_that_has_reached_its_limit_says_so(
    file: Path, anyio_backend: object
) -> None:
    with MODELS:
        async with Database(f"sqlite:///{file}") as db:
            await db.create_all()
            async with db.transaction() as session:
                await session.execute(text("PRAGMA max_page_count = 60"))
            with pytest.raises(Unavailable, match="is full; nothing of this was saved"):
                async with db.transaction():
                    await Entry.create(text="small")
                    await Entry.create(text="x" * 1_000_000)
            assert await Entry.all().count() == 0
            async with db.transaction():
                await Entry.create(text="small")
            assert await Entry.all().count() == 1


READ_ONLY = (
    DEFINED
    + """
async def main(url):
    async with Database("memory:") as warm:  # imports what is imported late, as who may read it
        await warm.create_all()
        await Entry.create(text="x")
        await Entry.all().count()
    if os.geteuid() == 0:
        os.setegid(65534)
        os.seteuid(65534)
    try:
        async with Database(url) as db:
            print("read", (await Entry.get(1)).text, flush=True)
            await Entry.create(text="x")
    except OrmError as error:
        print("error", type(error).__name__, error, flush=True)

asyncio.run(main(*sys.argv[1:]))
"""
)


@contextmanager
def only_readable(file: Path) -> Generator[None]:
    """Let everybody walk to *file* and read it, and nobody but root write it."""
    folder = file.parent
    above = [*folder.parents][:3]
    modes = {each: each.stat().st_mode for each in (file, folder, *above)}
    try:
        for each in above:
            each.chmod(modes[each] | 0o011)
        folder.chmod(0o555)
        file.chmod(0o444)
        yield
    finally:
        for each, mode in modes.items():
            each.chmod(mode)


async def test_a_file_that_may_not_be_written_is_named(
    file: Path, worker_process: Callable[..., Process], anyio_backend: object
) -> None:
    with MODELS:
        async with Database(f"sqlite:///{file}") as db:
            await db.create_all()
            await Entry.create(text="kept")
    with only_readable(file):
        process = worker_process("-c", READ_ONLY, f"sqlite:///{file}")
        await process.wait(50)
    assert process.returncode == 0, process.output
    error = process.output.partition("error ")[2]
    assert error.partition(" ")[0] in {"ReadOnly", "Unavailable"}, process.output
    assert str(file) in error


async def broken(file: Path, damage: Callable[[Path], None]) -> None:
    with MODELS:
        async with Database(f"sqlite:///{file}") as db:
            await db.create_all()
            await Entry.insert_all({"text": "x" * 500, "number": n} for n in range(400))
    damage(file)


def overwrite(file: Path) -> None:
    size = file.stat().st_size
    with file.open("r+b") as opened:
        for offset in range(8192, size, 4096):
            opened.seek(offset)
            opened.write(b"\xa5" * 4000)


def cut_short(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


@pytest.mark.parametrize("damage", [overwrite, cut_short])
async def test_a_damaged_file_is_named_on_every_path(
    file: Path, damage: Callable[[Path], None], anyio_backend: object
) -> None:
    await broken(file, damage)
    with MODELS:

        async def use() -> None:
            async with Database(f"sqlite:///{file}") as db:
                for read in (
                    lambda: Entry.all().all(),
                    lambda: Entry.all().pluck("text"),
                    lambda: Entry.insert_all([{"text": "y" * 500} for _ in range(100)]),
                    lambda: Entry.all().update_all(number=1),
                ):
                    with pytest.raises(Damaged, match=r"a\.db"):
                        await read()
                assert db.stats()["connections_busy"] == 0
                raise Damaged("as expected")

        with pytest.raises(Damaged):
            await use()


async def test_a_lane_that_cannot_be_opened_is_named(file: Path, anyio_backend: object) -> None:
    file.with_name("a.db.lane").mkdir()
    with pytest.raises(Unavailable, match=r"a\.db\.lane"):
        await Database(f"sqlite:///{file}").start()


STATES = {
    "40001": "Conflict",
    "40P01": "Conflict",
    "55P03": "Busy",
    "53100": "Unavailable",
    "57P01": "Unavailable",
    "XX001": "Damaged",
    "25006": "ReadOnly",
    "P0001": "QueryFailed",
}


async def test_what_postgresql_says_is_named(postgres_url: str, anyio_backend: object) -> None:
    with MODELS:
        async with Database(postgres_url) as db:
            async with db.transaction() as session:
                await session.execute(
                    text(
                        "CREATE FUNCTION fail(state text) RETURNS int LANGUAGE plpgsql AS "
                        "$$ BEGIN RAISE EXCEPTION 'as asked' USING ERRCODE = state; END $$"
                    )
                )
            named: dict[str, str] = {}
            for state in STATES:
                try:
                    await db.sql("SELECT fail(:state)", state=state)
                except OrmError as error:
                    named[state] = type(error).__name__
            assert named == STATES


FORGETFUL = (
    DEFINED
    + """
async def main(url):
    db = await Database(url).start()
    await Entry.create(text="x")
    rows = aiter(Entry.all())
    await anext(rows)
    session = db.session()
    await session.__aenter__()
    await Entry.all().count()
    inline = await Database("memory:", inline_reads=True).start()
    await inline.create_all()
    await Entry.using(inline).find(1)
    task = asyncio.create_task(Entry.using(db).insert_all([{"text": "x"}] * 100))
    await asyncio.sleep(0)
    task.cancel()
    block = db.transaction()
    await block.__aenter__()
    await Entry.create(text="never committed")
    print("end", flush=True)

asyncio.run(main(*sys.argv[1:]))
"""
)


async def test_a_program_that_closes_nothing_ends_and_holds_nothing(
    db: Database, url: str, worker_process: Callable[..., Process]
) -> None:
    process = worker_process("-c", FORGETFUL, url)
    assert await process.wait(50) == 0, process.output
    assert process.output == "end\n"
    async with asyncio.timeout(10):
        await Entry.create(text="nobody holds a lock")
    assert await Entry.where(text="never committed").count() == 0

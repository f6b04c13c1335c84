"""Writers take turns, nothing is lost, and nothing is left open."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from sqlalchemy import text

from mizzen.orm import Busy, Database, Field, Model, NotUnique, ReadOnly, RolledBack
from mizzen.orm.testing import scratch_models

if TYPE_CHECKING:
    from pathlib import Path

MODELS = scratch_models()

with MODELS:

    class Tally(Model):
        name: str = Field(unique=True)
        number: int = 0


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "app.db"


@pytest.fixture
async def db(file: Path, anyio_backend: object) -> Any:
    with MODELS:
        async with Database(f"sqlite:///{file}") as database:
            await database.create_all()
            yield database


async def add_one(database: Database) -> None:
    async with database.transaction():
        tally = await Tally.where(name="a").one()
        await tally.update(number=tally.number + 1)


@pytest.mark.parametrize("url", ["memory:", "file"])
async def test_two_hundred_increments_at_once_lose_none(url: str, tmp_path: Path) -> None:
    with MODELS:
        async with Database(url if url == "memory:" else f"sqlite:///{tmp_path}/a.db") as db:
            await db.create_all()
            await Tally.create(name="a")
            await asyncio.gather(*(add_one(db) for _ in range(200)))
            assert (await Tally.where(name="a").one()).number == 200


CHILD = """
import asyncio, sys
from mizzen.orm import Database, Field, Model

class Tally(Model):
    name: str = Field(unique=True)
    number: int = 0

async def add_one(db):
    async with db.transaction():
        tally = await Tally.where(name="a").one()
        await tally.update(number=tally.number + 1)

async def main():
    async with Database(sys.argv[1]) as db:
        print("ready", flush=True)
        sys.stdin.readline()
        await asyncio.gather(*(add_one(db) for _ in range(100)))

asyncio.run(main())
"""


async def test_two_processes_lose_no_increment(db: Database, file: Path) -> None:
    await Tally.create(name="a")

    def run() -> list[int]:
        children = [
            subprocess.Popen(
                [sys.executable, "-c", CHILD, f"sqlite:///{file}"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            for _ in range(2)
        ]
        for child in children:
            assert child.stdout is not None
            assert child.stdout.readline() == b"ready\n"
        for child in children:
            assert child.stdin is not None
            child.stdin.write(b"go\n")
            child.stdin.flush()
        codes = [child.wait(30) for child in children]
        for child in children:
            child.communicate()
        return codes

    assert await asyncio.to_thread(run) == [0, 0]
    assert (await Tally.where(name="a").one()).number == 200


async def test_reads_go_on_while_a_write_is_open(db: Database) -> None:
    await Tally.create(name="a")
    async with db.transaction():
        await Tally.create(name="b")

        async def outside() -> int:
            return await Tally.all().using(db).count()

        from contextvars import Context

        assert await asyncio.create_task(outside(), context=Context()) == 1


async def test_calls_of_several_tasks_inside_take_turns(db: Database) -> None:
    async with db.transaction():
        await asyncio.gather(*(Tally.create(name=str(n)) for n in range(20)))

        async def inner(name: str) -> None:
            async with db.transaction():
                await Tally.create(name=name)

        results = await asyncio.gather(inner("x"), inner("1"), inner("y"), return_exceptions=True)
        assert [type(result) for result in results] == [type(None), NotUnique, type(None)]
    assert await Tally.all().count() == 22


async def test_a_task_that_outlives_the_block_uses_its_own_connection(db: Database) -> None:
    ended = asyncio.Event()

    async def later() -> None:
        await ended.wait()
        await Tally.create(name="later")

    async with db.transaction():
        task = asyncio.create_task(later())
        await Tally.create(name="now")
    ended.set()
    await task
    assert await Tally.all().count() == 2


async def test_an_error_that_is_swallowed_cannot_commit_half(db: Database) -> None:
    with pytest.raises(RolledBack, match="can't go on"):
        async with db.transaction():
            await Tally.create(name="a")
            with pytest.raises(NotUnique):
                await Tally.create(name="a")
            await Tally.create(name="b")
    assert await Tally.all().count() == 0


async def test_raw_sql_on_the_session_commits_with_the_models(db: Database) -> None:
    async with db.transaction() as session:
        await Tally.create(name="a")
        await session.execute(text("INSERT INTO tallies (name, number) VALUES ('raw', 7)"))
        assert await Tally.all().count() == 2
    assert (await Tally.where(name="raw").one()).number == 7


async def test_reading_a_row_again_drops_changes_in_a_transaction_too(db: Database) -> None:
    tally = await Tally.create(name="a", number=1)
    async with db.transaction():
        mine = await Tally.get(tally.id)
        mine.number = 9
        assert (await mine.reload()).number == 1
        tally.number = 9
        assert (await tally.reload()).number == 1
    assert (await Tally.get(tally.id)).number == 1


async def test_a_session_for_reads_refuses_writes(db: Database) -> None:
    async with db.session() as session:
        with pytest.raises(Exception, match="readonly"):
            await session.execute(text("INSERT INTO tallies (name, number) VALUES ('x', 1)"))
    with pytest.raises(ReadOnly):
        async with db.reader.begin() as connection:
            with db.explained():
                await connection.execute(text("DELETE FROM tallies"))


async def test_a_model_writes_inside_a_session_for_reads(db: Database) -> None:
    async with db.session():
        tally = await Tally.create(name="a")
        found = await Tally.get(tally.id)
        await found.update(number=5)
        assert (await Tally.get(tally.id)).number == 5


async def test_the_wait_for_the_turn_is_bounded(file: Path) -> None:
    with MODELS:
        async with (
            Database(f"sqlite:///{file}") as holder,
            Database(f"sqlite:///{file}", timeout="100ms") as waiter,
        ):
            await holder.create_all()
            async with holder.transaction():
                await Tally.create(name="a")
                began = time.monotonic()
                with pytest.raises(Busy, match="turn to write"):
                    async with waiter.transaction():
                        await Tally.create(name="b")
                assert time.monotonic() - began < 5
            async with waiter.transaction():
                await Tally.create(name="c")
            assert sorted(await Tally.all().using(holder).pluck("name")) == ["a", "c"]


async def steps(database: Database) -> None:
    async with database.transaction():
        tally = await Tally.where(name="a").one()
        await tally.update(number=tally.number + 1)
        async with database.transaction():
            await Tally.create(name=f"b{tally.number}")
    async for _ in Tally.order("-id"):
        pass
    async with database.session():
        await Tally.all().count()


@pytest.mark.parametrize("way", ["task", "scope"])
async def test_a_cancellation_at_any_await_leaves_nothing_open(db: Database, way: str) -> None:
    await Tally.create(name="a")
    finished = False
    for turns in range(400):
        task = asyncio.create_task(steps(db)) if way == "task" else None
        if task is not None:
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            (result,) = await asyncio.gather(task, return_exceptions=True)
            finished = result is None
        else:
            async with anyio.create_task_group() as group:
                group.start_soon(steps, db)
                for _ in range(turns):
                    await asyncio.sleep(0)
                group.cancel_scope.cancel()
            finished = not group.cancel_scope.cancelled_caught
        assert db.stats()["connections_busy"] == 0, turns
        if turns % 10 == 0:
            await asyncio.wait_for(add_one(db), 5)
        if finished and turns > 250:
            break
    await add_one(db)
    created = await Tally.where(name__startswith="b").count()
    number = (await Tally.where(name="a").one()).number
    assert created <= number
    async with db.engine.connect() as connection:
        assert (await connection.execute(text("PRAGMA integrity_check"))).scalar() == "ok"


async def test_a_killed_writer_leaves_no_half_and_no_lock(db: Database, file: Path) -> None:
    code = CHILD.replace(
        "await asyncio.gather(*(add_one(db) for _ in range(100)))",
        "\n        async with db.transaction():\n"
        "            await Tally.create(name='half')\n"
        "            print('open', flush=True)\n"
        "            await asyncio.sleep(60)",
    )
    await Tally.create(name="a")

    def run() -> None:
        with subprocess.Popen(
            [sys.executable, "-c", code, f"sqlite:///{file}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as child:
            assert child.stdout is not None
            assert child.stdin is not None
            child.stdin.write(b"go\n")
            child.stdin.flush()
            assert child.stdout.readline() == b"ready\n"
            assert child.stdout.readline() == b"open\n"
            child.kill()

    await asyncio.to_thread(run)
    await asyncio.wait_for(add_one(db), 5)
    assert await Tally.all().pluck("name") == ["a"]
    async with db.engine.connect() as connection:
        assert (await connection.execute(text("PRAGMA integrity_check"))).scalar() == "ok"


def test_a_program_that_forgets_to_close_still_ends(tmp_path: Path) -> None:
    code = (
        "import asyncio\nfrom mizzen.orm import Database, Model\n"
        "class Note(Model):\n    name: str\n"
        "async def main():\n"
        f"    db = await Database('sqlite:///{tmp_path}/x.db').start()\n"
        "    await db.create_all()\n    await Note.create(name='x')\n"
        "    print(await Note.all().count())\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=20, check=True)
    assert done.stdout == b"1\n"

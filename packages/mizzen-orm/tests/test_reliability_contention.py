"""Many writers at once, of one process and of two: nothing is lost, and nobody is turned away."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any

import pytest

from mizzen.orm import Database, Field, Model
from mizzen.orm.testing import scratch_models

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

MODELS = scratch_models()

with MODELS:

    class Tally(Model):
        name: str = Field(unique=True, max_length=80)
        number: int = 0


PROGRAM = """
import asyncio, sys
from mizzen.orm import Database, Field, Model

class Tally(Model):
    name: str = Field(unique=True, max_length=80)
    number: int = 0

async def add_one(db):
    async with db.transaction():
        tally = await (await Tally.where(name="a").one()).lock()
        await tally.update(number=tally.number + 1)

async def main(url, name):
    async with Database(url) as db:
        print("ready", flush=True)
        sys.stdin.readline()
        await asyncio.gather(
            *(add_one(db) for _ in range(100)),
            *(Tally.create(name=f"{name} {n}") for n in range(100)),
            *(Tally.all().count() for _ in range(20)),
        )

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture(
    params=[
        "sqlite",
        pytest.param("postgres_url", id="postgresql"),
        pytest.param("mariadb_url", id="mariadb", marks=pytest.mark.extra("asyncmy")),
    ]
)
def url(request: pytest.FixtureRequest, tmp_path: Any) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/a.db"
    return str(request.getfixturevalue(request.param))


@pytest.fixture
async def db(url: str, anyio_backend: object) -> AsyncGenerator[Database]:
    with MODELS:
        async with Database(url) as database:
            await database.create_all()
            await Tally.create(name="a")
            yield database


async def test_two_processes_lose_no_increment_and_no_row(db: Database, url: str) -> None:
    programs = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            PROGRAM,
            url,
            name,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        for name in ("left", "right")
    ]
    for program in programs:
        assert program.stdout is not None
        assert await program.stdout.readline() == b"ready\n"
    said = await asyncio.gather(*(program.communicate(b"go\n") for program in programs))
    assert [program.returncode for program in programs] == [0, 0], said
    assert (await Tally.where(name="a").one()).number == 200
    assert await Tally.all().count() == 201


async def test_two_hundred_locked_increments_of_one_process_lose_none(db: Database) -> None:
    async def add_one() -> None:
        async with db.transaction():
            tally = await Tally.where(name="a").with_lock().one()
            await tally.update(number=tally.number + 1)

    await asyncio.gather(*(add_one() for _ in range(200)))
    assert (await Tally.where(name="a").one()).number == 200
    assert db.stats()["connections_busy"] == 0

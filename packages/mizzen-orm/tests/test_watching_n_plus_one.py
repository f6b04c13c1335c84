"""Reads that a loop repeats are named, with the line and with what to write."""

from __future__ import annotations

import asyncio
import sys
import warnings
from typing import TYPE_CHECKING, Any

import pytest

from mizzen.orm import Database, Field, Model, NPlusOne, OrmError, Relationship
from mizzen.orm.testing import assert_queries, scratch_models

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

with scratch_models() as MODELS:

    class Owner(Model):
        name: str
        pets: list[Pet] = Relationship(back_populates="owner")

    class Pet(Model):
        name: str
        owner_id: int | None = Field(default=None, foreign_key="owners.id")
        owner: Owner | None = Relationship(back_populates="pets")


@pytest.fixture
async def db(database_url: str, anyio_backend: object) -> AsyncGenerator[Database]:
    with MODELS:
        async with Database(database_url) as database:
            await _fill(database)
            yield database


async def _fill(database: Database) -> None:
    await database.create_all()
    for number in range(6):
        owner = await Owner.create(name=f"o{number}")
        await Pet.create(name=f"p{number}", owner_id=owner.id)


def loose(value: object) -> Any:
    """Return *value* for the checkers to leave alone."""
    return value


def next_line() -> str:
    frame = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]
    return f"test_watching_n_plus_one.py:{frame.f_lineno + 1}"


async def test_a_loop_over_get_names_its_line_and_the_relation(db: Database) -> None:
    line = ""
    with pytest.raises(NPlusOne) as caught, db.detect_n_plus_one():
        for pet in await Pet.all():
            line = next_line()
            await Owner.get(pet.owner_id)
    said = str(caught.value)
    assert line in said
    assert "read Owner 4 times" in said
    assert '`.include("owner")`' in said
    assert "Pet.owner" in said
    assert caught.value.source is not None
    assert caught.value.source.endswith(line)


@pytest.mark.parametrize("where", ["straight", "transaction", "session"])
async def test_relations_of_rows_of_different_results_count(db: Database, where: str) -> None:
    with (
        pytest.raises(NPlusOne, match=r'Pet\.owner 4 times.*include\("owner"\)'),
        db.detect_n_plus_one(limit=3),
    ):
        pets = [await Pet.where(id=1).one(), await Pet.where(id=2).one()]
        pets += [await Pet.where(id=3).one(), await Pet.where(id=4).one()]
        if where == "transaction":
            async with db.transaction():
                for pet in pets:
                    await loose(pet).owner
        elif where == "session":
            async with db.session():
                for pet in pets:
                    await loose(pet).owner
        else:
            for pet in pets:
                await loose(pet).owner


async def test_siblings_loaded_together_do_not(db: Database) -> None:
    with db.detect_n_plus_one(limit=1):
        for pet in await Pet.all():
            assert (await loose(pet).owner).name
        for pet in await Pet.include("owner"):
            assert pet.owner is not None


async def test_find_by_in_a_gather_counts(db: Database) -> None:
    with pytest.raises(NPlusOne, match="read Owner 4 times"), db.detect_n_plus_one():
        await asyncio.gather(*(Owner.find_by(name=f"o{number}") for number in range(6)))


async def test_the_limit_is_the_number_that_is_allowed(db: Database) -> None:
    with db.detect_n_plus_one(limit=6):
        for key in range(6):
            await Owner.find(key)
    with db.detect_n_plus_one(limit=3):
        await Owner.find(1)
        await Owner.find(2)
        await Owner.find(3)
        await Owner.find(4)
        for number in range(9):
            await Owner.create(name=f"new {number}")


async def test_other_tasks_and_what_comes_after_do_not_count(db: Database) -> None:
    async def elsewhere() -> None:
        await started.wait()
        for key in range(9):
            await Owner.find(key)

    started = asyncio.Event()
    task = asyncio.create_task(elsewhere())
    with db.detect_n_plus_one():
        started.set()
        await task
    for key in range(9):
        await Owner.find(key)


async def test_a_block_may_warn_and_goes_on(db: Database) -> None:
    seen, line = list[object](), ""
    with warnings.catch_warnings(record=True) as caught, db.detect_n_plus_one(on="warn"):
        warnings.simplefilter("always")
        for key in range(1, 7):
            line = next_line()
            seen.append(await Owner.find(key))
    assert all(seen)
    (warning,) = caught
    assert issubclass(warning.category, NPlusOne)
    assert line in str(warning.message)
    assert warning.filename == __file__


async def test_a_database_counts_each_task_by_itself(
    database_url: str, anyio_backend: object
) -> None:
    async def loop(times: int) -> None:
        for key in range(times):
            await Owner.find(key)

    with MODELS:
        async with Database(database_url, n_plus_one="raise") as db:
            await _fill(db)
            await asyncio.gather(*(loop(3) for _ in range(5)))
            with pytest.raises(NPlusOne, match="read Owner 4 times"):
                await loop(6)
            with pytest.raises(OrmError):
                await db.sql("SELECT nothing")


async def test_a_read_inside_a_transaction_that_is_refused_rolls_it_back(db: Database) -> None:
    async def work() -> None:
        async with db.transaction():
            await Owner.create(name="never")
            for key in range(6):
                await Owner.find(key)

    with db.detect_n_plus_one(), pytest.raises(NPlusOne):
        await work()
    assert await Owner.find_by(name="never") is None
    assert db.stats()["connections_busy"] == 0


async def test_a_count_of_queries_that_fits(db: Database) -> None:
    with assert_queries(2) as counted:
        pets = await Pet.include("owner")
        assert pets[0].owner is not None
    assert [run.table for run in counted.runs] == ["pets", "owners"]
    async with assert_queries(2, db), db.transaction():
        await Owner.create(name="x")
        async with db.transaction():
            await Pet.all().count()
    with assert_queries(at_most=3):
        await Pet.all()


async def test_a_count_that_does_not_fit_lists_the_statements(db: Database) -> None:
    line = ""

    async def two() -> None:
        nonlocal line
        async with assert_queries(1):
            line = next_line()
            await Owner.get(1)
            await Owner.create(name="y")

    with pytest.raises(AssertionError, match="2 statements were run, not 1") as caught:
        await two()
    assert "INSERT INTO owners" in str(caught.value)
    assert line in str(caught.value)
    none = assert_queries(at_most=0)
    with pytest.raises(AssertionError, match="1 statements were run, not at most 0"), none:
        await Owner.get(1)
    with pytest.raises(TypeError):
        assert_queries()


async def test_an_error_in_a_counted_block_is_not_hidden(db: Database) -> None:
    with pytest.raises(KeyError), assert_queries(5):
        raise KeyError
    assert db.straight is None or db.straight.watch is None

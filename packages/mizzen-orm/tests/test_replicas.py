"""Reads go to replicas, writes and what follows them to the primary.

Nothing is replicated here: each database holds rows that say which one it is.
"""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from contextvars import Context
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from mizzen.orm import ConfigurationError, Database, Field, Model, NotUnique, Relationship, col
from mizzen.orm.testing import scratch_models

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
    from pathlib import Path

    from mizzen.testing import Proxy

MODELS = scratch_models()

with MODELS:

    class Place(Model):
        name: str = Field(unique=True, max_length=80)
        notes: list[Note] = Relationship(back_populates="place")

    class Note(Model):
        title: str = Field(max_length=80)
        place_id: int | None = Field(default=None, foreign_key="places.id")
        place: Place | None = Relationship(back_populates="notes")


@pytest.fixture(
    params=[
        "sqlite",
        pytest.param("mizzen_postgres", id="postgresql"),
        pytest.param("mizzen_mariadb", id="mariadb", marks=pytest.mark.extra("asyncmy")),
    ]
)
def urls(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[list[str]]:
    """Return the URLs of three empty databases of one kind: a primary and two replicas."""
    names = ("primary", "one", "two")
    if request.param == "sqlite":
        yield [f"sqlite:///{tmp_path}/{name}.db" for name in names]
        return
    server = request.getfixturevalue(request.param)
    with ExitStack() as stack:
        yield [stack.enter_context(server.fresh()) for _ in names]


@pytest.fixture
async def filled(urls: list[str], anyio_backend: object) -> AsyncGenerator[list[str]]:
    with MODELS:
        for url, name in zip(urls, ("primary", "one", "two"), strict=True):
            async with Database(url) as database:
                await database.create_all()
                place = await Place.create(name=name)
                await Note.create(title=f"note of {name}", place_id=place.id)
        yield urls


@pytest.fixture
async def db(filled: list[str]) -> AsyncGenerator[Database]:
    """Return a database with one replica, and a short memory of its writes."""
    async with Database(filled[0], replicas=[filled[1]], sticky="150ms") as database:
        yield database


async def who() -> str:
    return (await Place.get(1)).name


async def elsewhere(work: Awaitable[Any]) -> Any:
    """Await *work* in a task that knows of nothing that was written or opened."""

    async def run() -> Any:
        return await work

    return await asyncio.create_task(run(), context=Context())


async def iterated() -> str:
    names = [place.name async for place in Place.all()]
    return names[0]


async def included() -> str:
    (place,) = await Place.all().include("notes")
    assert [note.title for note in place.notes] == [f"note of {place.name}"]
    return place.name


async def included_through_two() -> str:
    (note,) = await Note.all().include("place.notes")
    assert note.place is not None
    assert [other.title for other in note.place.notes] == [note.title]
    return note.place.name


async def loaded_later() -> str:
    note = await Note.get(1)
    await note.load("place")
    assert note.place is not None
    assert note.title == f"note of {note.place.name}"
    return note.place.name


async def counted() -> str:
    names = {name: await Place.where(name=name).count() for name in ("primary", "one", "two")}
    return next(name for name, count in names.items() if count)


async def found_to_exist() -> str:
    names = [name for name in ("primary", "one", "two") if await Place.where(name=name).exists()]
    return names[0]


async def sent_as_sql() -> str:
    (place,) = await Place.all().raw("SELECT * FROM places")
    return place.name


async def read_again() -> str:
    place = await Place.get(1)
    place.name = "changed"
    return (await place.reload()).name


async def read_in_a_session() -> str:
    current = Place.all()._db()  # pyright: ignore[reportPrivateUsage]
    async with current.session() as session:
        found = (await session.execute(select(col(Place.name)))).scalar_one()
        assert await Place.all().pluck("name") == [found]
        return str(found)


async def paged() -> str:
    return (await Place.all().page(1)).rows[0].name


async def plucked() -> str:
    (name,) = await Place.all().pluck("name")
    return str(name)


async def joined() -> str:
    return (await Place.join(Note).where(Note.title.startswith("note")).one()).name


async def aggregated() -> str:
    return str(await Place.all().max("name"))


READS = [
    who,
    iterated,
    included,
    included_through_two,
    loaded_later,
    counted,
    found_to_exist,
    sent_as_sql,
    read_again,
    read_in_a_session,
    paged,
    plucked,
    joined,
    aggregated,
]


async def test_each_kind_of_read_goes_to_the_replica(db: Database) -> None:
    for read in READS:
        assert (read.__name__, await read()) == (read.__name__, "one")
    assert str((await db.sql("SELECT name FROM places"))[0][0]) == "one"


async def test_each_kind_of_read_can_be_sent_to_the_primary(db: Database) -> None:
    with db.primary():
        for read in READS:
            assert (read.__name__, await read()) == (read.__name__, "primary")

        async def inner() -> str:
            return await who()

        assert await asyncio.create_task(inner()) == "primary"
        assert await elsewhere(who()) == "one"
    assert await who() == "one"


async def test_a_transaction_reads_and_writes_on_the_primary(db: Database) -> None:
    async with db.transaction():
        for read in READS:
            assert (read.__name__, await read()) == (read.__name__, "primary")
    assert await elsewhere(who()) == "one"


WRITES: dict[str, Callable[[], Awaitable[Any]]] = {
    "create": lambda: Place.create(name="new"),
    "save": lambda: Note(title="new").save(),
    "insert_all": lambda: Note.insert_all([{"title": "new"}, {"title": "newer"}]),
    "find_or_create": lambda: Place.all().find_or_create(name="newer"),
    "update_all": lambda: Place.where(name="primary").update_all(name="changed"),
    "delete_all": lambda: Place.where(name="nobody").delete_all(),
}


async def test_after_a_write_its_task_reads_from_the_primary_for_a_while(
    filled: list[str],
) -> None:
    async def write_and_read(write: Callable[[], Awaitable[Any]]) -> list[str]:
        before = await who()
        await write()
        return [before, await who(), await plucked_first(), await asyncio.create_task(who())]

    async with Database(filled[0], replicas=[filled[1]], sticky="60s") as db:
        for name, write in WRITES.items():
            now = "changed" if name in {"update_all", "delete_all"} else "primary"
            assert (name, await elsewhere(write_and_read(write))) == (name, ["one", *[now] * 3])
            assert await who() == "one"
        assert db.stats()["connections_busy"] == 0
    async with Database(filled[1]) as replica:
        assert await Place.using(replica).pluck("name") == ["one"]


async def plucked_first() -> str:
    return str((await Place.order("id").pluck("name"))[0])


async def test_the_memory_of_a_write_fades(db: Database) -> None:
    await Note.create(title="new")
    assert await who() == "primary"
    await asyncio.sleep(0.2)
    assert await who() == "one"


async def test_a_write_of_any_task_in_a_session_block_counts_for_all_of_it(
    filled: list[str],
) -> None:
    async with Database(filled[0], replicas=[filled[1]], sticky="60s") as db:
        async with db.session() as session:
            assert await who() == "one"
            assert await plucked_first() == "one"

            async def write() -> None:
                await Note.create(title="new")

            await asyncio.create_task(write())
            assert await who() == "primary"
            assert await plucked_first() == "primary"
            assert (await session.execute(select(col(Place.name)))).scalar_one() == "one"
        async with db.session():
            assert await who() == "one"  # the block is over, and this task itself wrote nothing
        assert db.stats()["connections_busy"] == 0


async def test_a_failed_write_is_looked_at_on_the_primary(filled: list[str]) -> None:
    # The replica does not know the row yet that makes the insert fail.
    async with Database(filled[0], replicas=[filled[1]], sticky="60s"):
        found = await Place.all().find_or_create(name="primary")
        assert found.id == 1
    async with Database(filled[0], replicas=[filled[1]], sticky="60s"):
        with pytest.raises(NotUnique):
            await Place.create(name="primary")
        assert await who() == "primary"


async def test_readonly_transactions_and_attempts_are_the_primarys(db: Database) -> None:
    async with db.transaction(readonly=True):
        assert await who() == "primary"
    assert await who() == "one"  # which wrote nothing
    async for attempt in db.attempts():
        async with attempt:
            assert await plucked_first() == "primary"


async def test_replicas_take_turns(filled: list[str]) -> None:
    async with Database(filled[0], replicas=filled[1:]) as db:
        assert sorted([await who() for _ in range(4)]) == ["one", "one", "two", "two"]
        assert {await plucked() for _ in range(4)} == {"one", "two"}
        # What belongs together comes from one of them.
        for _ in range(4):
            await included()
            await included_through_two()
        assert db.stats()["replicas_down"] == 0
        health = await db.health()
        assert health["ok"]
        assert str(health["detail"]).count("'ok'") == 3


async def test_a_database_that_is_started_again_has_its_replicas_again(
    filled: list[str],
) -> None:
    db = Database(filled[0], replicas=[filled[1]])
    for _ in range(2):
        async with db:
            assert await who() == "one"
            assert await plucked() == "one"
            assert db.stats()["replicas_down"] == 0


async def test_every_read_is_the_primarys_without_replicas(filled: list[str]) -> None:
    async with Database(filled[0]) as db:
        with db.primary():
            assert await who() == "primary"
        assert await plucked() == "primary"
        assert "replicas_down" not in db.stats()


async def test_the_sync_facade_remembers_writes_of_its_thread(filled: list[str]) -> None:
    def work() -> list[str]:
        with Database(filled[0], replicas=[filled[1]], sticky="60s").sync as sync:
            found = [sync(Place).get(1).name]
            with sync.transaction():
                sync(Note).create(title="new")
            found.append(sync(Place).get(1).name)
            found.append(str(sync(Place).pluck("name")[0]))
            with ThreadPoolExecutor(1) as pool:
                found.append(pool.submit(lambda: sync(Place).get(1).name).result())
            return found

    context = Context()
    loop = asyncio.get_running_loop()
    found = await loop.run_in_executor(None, context.run, work)
    assert found == ["one", "primary", "primary", "one"]


async def test_calls_of_the_sync_facade_make_no_task_of_the_thread_sticky(
    filled: list[str], tmp_path: Path
) -> None:
    context = Context()

    def call() -> None:
        with Database(f"sqlite:///{tmp_path}/other.db").sync as sync:
            sync.create_all()

    await asyncio.get_running_loop().run_in_executor(None, context.run, call)

    async def read() -> list[str]:
        async with Database(filled[0], replicas=[filled[1]], sticky="60s"):
            await asyncio.create_task(write())
            return [await who()]

    async def write() -> None:
        await Note.create(title="new")

    assert await asyncio.create_task(read(), context=context) == ["one"]


async def test_nobody_has_written_before_the_clock_is_as_old_as_the_memory(
    filled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mizzen.orm._connections.sticky.time.monotonic", lambda: 5.0)
    async with Database(filled[0], replicas=[filled[1]], sticky="60s") as db, db.session():
        assert await who() == "one"


async def test_another_kind_of_database_is_no_replica(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="another kind"):
        Database(f"sqlite:///{tmp_path}/a.db", replicas=["postgresql://user:secret@host/name"])
    with pytest.raises(ConfigurationError, match="list of URLs"):
        Database("memory:", replicas="sqlite:///b.db")
    with pytest.raises(ConfigurationError, match="memory:"):
        Database("memory:", replicas=["memory:"])


async def eventually(read: Callable[[], Awaitable[str]], wanted: str) -> None:
    async with asyncio.timeout(10):
        while await read() != wanted:  # noqa: ASYNC110  (it comes back in the background)
            await asyncio.sleep(0.02)


async def test_a_missing_file_is_left_out_until_it_is_there(
    tmp_path: Path, anyio_backend: object
) -> None:
    url = f"sqlite:///{tmp_path}/replica.db"
    with MODELS:
        async with Database(f"sqlite:///{tmp_path}/a.db", replicas=[url]) as db:
            await db.create_all()
            await Place.create(name="primary")
            assert await elsewhere(who()) == "primary"
            assert not (tmp_path / "replica.db").exists()
            assert db.stats()["replicas_down"] == 1
            assert "left out" in str(await db.health())
            async with Database(f"sqlite:///{tmp_path}/made.db") as made, made.session():
                await made.create_all()
                await Place.create(name="one")
            os.replace(tmp_path / "made.db", tmp_path / "replica.db")
            await eventually(lambda: elsewhere(who()), "one")
            assert db.stats()["replicas_down"] == 0
            assert await elsewhere(plucked()) == "one"


@pytest.mark.parametrize("read", [who, plucked])
async def test_a_replica_that_is_lost_costs_no_error_and_comes_back(
    mizzen_postgres: Any,
    tcp_proxy: Callable[[str], Proxy],
    read: Callable[[], Awaitable[str]],
    anyio_backend: object,
) -> None:
    with MODELS, ExitStack() as stack:
        urls = [stack.enter_context(mizzen_postgres.fresh()) for _ in range(3)]
        for url, name in zip(urls, ("primary", "one", "two"), strict=True):
            async with Database(url) as database:
                await database.create_all()
                await Place.create(name=name)
        proxy = tcp_proxy(urls[1])
        other = tcp_proxy(urls[2])
        async with Database(urls[0], replicas=[proxy.url, other.url]) as db:
            assert {await read() for _ in range(4)} == {"one", "two"}
            proxy.cut()
            assert {await read() for _ in range(6)} == {"two"}
            other.cut()
            assert {await read() for _ in range(6)} == {"primary"}
            assert db.stats()["replicas_down"] == 2
            async with db.session():
                assert await read() == "primary"
            proxy.heal()
            await eventually(read, "one")
            assert db.stats()["replicas_down"] == 1
            assert db.stats()["connections_busy"] == 0


async def test_cancelling_a_read_on_a_replica_leaves_nothing_open(db: Database) -> None:
    for read in (who, plucked, included):
        for waits in range(0, 24, 2):
            task = asyncio.create_task(read())
            for _ in range(waits):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert db.stats()["connections_busy"] == 0
    assert db.stats()["replicas_down"] == 0
    assert await who() == "one"

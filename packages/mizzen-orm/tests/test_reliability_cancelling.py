"""Cancelled at any await, a call leaves no connection out, no transaction open and nothing half.

A call is run again and again, and cancelled where it waits for the first time, for the second…
until it gets through.
"""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from mizzen.orm import Conflict, Database, Field, Model, NotUnique, Relationship
from mizzen.orm.testing import scratch_models

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator

MODELS = scratch_models()

with MODELS:

    class Owner(Model):
        name: str = Field(unique=True, max_length=80)
        items: list[Item] = Relationship(back_populates="owner")

    class Item(Model):
        title: str = Field(default="", max_length=80)
        number: int = 0
        owner_id: int | None = Field(default=None, foreign_key="owners.id")
        owner: Owner | None = Relationship(back_populates="items")


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
        async with Database(url, connections=2, timeout="5s") as database:
            await database.create_all()
            owner = await Owner.create(name="kept")
            await Item.insert_all({"title": "kept", "owner_id": owner.id} for _ in range(3))
            yield database


class CancelledAt:
    """Awaits a coroutine, and calls *cancel* where it waits for the n-th time."""

    def __init__(
        self, work: Coroutine[Any, Any, Any], number: int, cancel: Callable[[], object]
    ) -> None:
        self._work, self._number, self._cancel = work, number, cancel
        self.reached = False

    def __await__(self) -> Generator[Any, Any, Any]:
        steps = self._work.__await__()
        error: BaseException | None = None
        for number in itertools.count(1):
            try:
                waits_for = next(steps) if error is None else steps.throw(error)
            except StopIteration as done:
                return done.value
            if number == self._number:
                self.reached = True
                self._cancel()
            error = None
            try:
                yield waits_for
            except BaseException as thrown:
                error = thrown
        return None


async def by_task(work: Coroutine[Any, Any, Any], number: int) -> bool:
    """Run *work*, cancelled at its n-th wait; return whether it came that far."""

    async def run() -> bool:
        task = asyncio.current_task()
        assert task is not None
        inner = CancelledAt(work, number, task.cancel)
        try:
            await inner
        finally:
            reached.append(inner.reached)
        return inner.reached

    reached: list[bool] = []
    (found,) = await asyncio.gather(asyncio.create_task(run()), return_exceptions=True)
    if isinstance(found, Exception):
        raise found
    return reached[0]


async def by_scope(work: Coroutine[Any, Any, Any], number: int) -> bool:
    scope = anyio.CancelScope()
    inner = CancelledAt(work, number, scope.cancel)
    with scope:
        await inner
    return inner.reached


async def reads() -> None:
    await Owner.get(1)
    (owner,) = await Owner.where(name="kept").include("items")
    assert len(owner.items) == 3
    assert await Item.where(title="kept").count() == 3
    await (await Item.get(1)).load("owner")


async def reads_in_a_session() -> None:
    async with current().session() as session:
        await session.execute(text("SELECT 1"))
        await Item.all().pluck("title")
        async for _ in Item.order("-id"):
            pass
        await Item.all().page(1)


async def writes_alone() -> None:
    item = await Item.create(title="new")
    await item.update(number=1)
    await item.destroy()


async def writes_in_bulk() -> None:
    await Item.insert_all({"title": "four"} for _ in range(4))
    await Item.where(title="four").update_all(number=Item.number + 1)


async def writes_nested() -> None:
    async with current().transaction():
        owner = await Owner.create(name="pair")
        await Item.create(title="pair", owner_id=owner.id)
        try:
            async with current().transaction():
                await Item.insert_all([{"title": "pair"}])
                await Owner.create(name="pair")
        except NotUnique:
            await owner.update(name="twice")
        async with current().transaction():
            await Item.create(title="pair", owner=owner)
    await clear()


async def clear() -> None:
    async with current().transaction():
        await Item.where(title="pair").delete_all()
        await Owner.where_not(name="kept").delete_all()


async def writes_locked() -> None:
    async with current().transaction():
        item = await Item.get(1)
        await item.lock()
        await item.update(number=item.number + 1)
        await Item.where(id=2).with_lock().all()


async def writes_after_a_conflict() -> None:
    async for attempt in current().attempts(isolation="serializable", pause="1ms"):
        async with attempt:
            await Item.insert_all({"title": "four"} for _ in range(4))
            if attempt.number == 1:
                raise Conflict("met another")


async def reads_one_state() -> None:
    async with current().transaction(readonly=True):
        await Item.all()
        await Item.all().count()


def current() -> Any:
    return Item.all()._db()  # pyright: ignore[reportPrivateUsage]


WORKS: list[Callable[[], Coroutine[Any, Any, None]]] = [
    reads,
    reads_in_a_session,
    writes_alone,
    writes_in_bulk,
    writes_nested,
    writes_locked,
    writes_after_a_conflict,
    reads_one_state,
]


class Witness:
    """Looks at the database from outside: are there transactions of anybody else?"""

    def __init__(self, url: str) -> None:
        self._url = url
        self._file = url.removeprefix("sqlite:///") if url.startswith("sqlite") else None
        if self._file is None:
            driver = "postgresql+psycopg" if url.startswith("postgresql") else "mysql+pymysql"
            plain = driver + url[url.index(":") :]
            self._engine = create_engine(plain, poolclass=NullPool, isolation_level="AUTOCOMMIT")
            self._held = self._engine.connect()

    def open_transactions(self) -> int:
        if self._file is not None:
            return self._of_the_file()
        if self._url.startswith("postgresql"):
            asked = (
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                "AND pid <> pg_backend_pid() AND state <> 'idle'"
            )
        else:
            asked = "SELECT count(*) FROM information_schema.innodb_trx"
        return int(self._held.execute(text(asked)).scalar_one())

    def _of_the_file(self) -> int:
        with closing(sqlite3.connect(str(self._file), timeout=0, isolation_level=None)) as other:
            try:
                other.execute("BEGIN IMMEDIATE")
                other.execute("COMMIT")
                # Goes through only if nobody holds an old state either.
                (busy, _, _) = other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            except sqlite3.OperationalError:
                return 1
            return int(busy)

    def close(self) -> None:
        if self._file is None:
            self._held.close()
            self._engine.dispose()


@pytest.fixture
async def witness(url: str, db: Database) -> AsyncGenerator[Witness]:
    found = Witness(url)
    yield found
    found.close()


async def nothing_open(db: Database, witness: Witness, said: object) -> None:
    assert db.stats()["connections_busy"] == 0, said
    for _ in range(40):
        if not witness.open_transactions():
            return
        # The server may still be at the end of it. MariaDB's list of transactions is made anew
        # only when nobody has read it for 0.1 s.
        await asyncio.sleep(0.15)
    raise AssertionError(f"a transaction stayed open after {said}")


@pytest.mark.parametrize("cancelled", [by_task, by_scope])
async def test_a_cancellation_at_any_wait_leaves_nothing_open(
    db: Database,
    witness: Witness,
    cancelled: Callable[[Coroutine[Any, Any, Any], int], Awaitable[bool]],
) -> None:
    for work in WORKS:
        for number in itertools.count(1):
            said = (work.__name__, number)
            async with asyncio.timeout(20):
                reached = await cancelled(work(), number)
            await nothing_open(db, witness, said)
            if work in (writes_in_bulk, writes_after_a_conflict):
                assert await Item.where(title="four").count() % 4 == 0, said
            elif work is writes_nested:
                pairs = await Item.where(title="pair").count()
                owners = await Owner.where_not(name="kept").pluck("name")
                assert (pairs, owners) in [(0, []), (2, ["twice"])], said
                await clear()
            if not reached:
                assert number > 1, said
                break
    await asyncio.sleep(0.15)
    await nothing_open(db, witness, "everything")
    assert await Item.where(title="kept").count() == 3

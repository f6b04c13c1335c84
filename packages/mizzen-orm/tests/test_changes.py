"""Committed changes, as listeners and readers of `db.changes()` get them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from mizzen.orm import Change, ConfigurationError, Database, Field, Lagged, Model, Relationship
from mizzen.orm.testing import scratch_models

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

with scratch_models() as MODELS:

    class Room(Model):
        name: str = Field(unique=True)
        chairs: list[Chair] = Relationship(back_populates="room", cascade_delete=True)

    class Chair(Model):
        name: str
        room_id: int | None = Field(default=None, foreign_key="rooms.id", ondelete="CASCADE")
        room: Room | None = Relationship(back_populates="chairs")

    class Drawer(Model):
        things: list[str] = Field(default_factory=list)


@pytest.fixture
async def db(database_url: str, anyio_backend: object) -> AsyncGenerator[Database]:
    with MODELS:
        async with Database(database_url) as database:
            await database.create_all()
            yield database


async def test_single_rows_come_with_before_and_after(db: Database) -> None:
    heard: list[Change] = []
    with db.on_change(heard.append):
        room = await Room.create(name="a")
        await room.update(name="b")
        await room.destroy()
    await Room.create(name="unheard")
    key = room.id
    assert heard == [
        Change(Room, "create", key, None, {"id": key, "name": "a"}),
        Change(Room, "update", key, {"id": key, "name": "a"}, {"id": key, "name": "b"}),
        Change(Room, "destroy", key, {"id": key, "name": "b"}, None),
    ]
    assert (heard[0].table, heard[0].bulk) == ("rooms", False)


async def test_only_what_is_committed_is_told_once_for_each_row(db: Database) -> None:
    heard: list[Change] = []
    db.on_change(heard.append)
    async with db.transaction():
        room = await Room.create(name="a")
        await room.update(name="b")
        passing = await Room.create(name="passing")
        await passing.destroy()
        with pytest.raises(KeyError):
            async with db.transaction():
                await Room.create(name="dropped")
                raise KeyError
        assert heard == []
    assert [(c.action, c.before, (c.after or {})["name"]) for c in heard] == [("create", None, "b")]
    heard.clear()
    with pytest.raises(KeyError):
        async with db.transaction():
            await room.update(name="c")
            raise KeyError
    assert heard == []


async def test_bulk_writes_tell_how_many(db: Database) -> None:
    heard: list[Change] = []
    db.on_change(heard.append)
    await Room.insert_all([{"name": "a"}, {"name": "b"}, {"name": "c"}])
    async with db.transaction():
        await Room.insert_all([{"name": "d"}])
    await Room.where(name__in=["a", "b"]).update_all(name=Room.name + "!")
    await Room.where(name="nobody").delete_all()
    await Room.all().delete_all()
    assert [(c.action, c.rows, c.bulk) for c in heard] == [
        ("create", 3, True),
        ("create", 1, True),
        ("update", 2, True),
        ("destroy", 4, True),
    ]
    assert repr(heard[0]) == "<create Room 3 rows>"


async def test_upserts_tell_how_many(db: Database) -> None:
    heard: list[Change] = []
    db.on_change(heard.append)
    await Room.upsert_all([{"name": "a"}, {"name": "b"}], on=["name"])
    await Room.all().insert_all([{"name": "a"}, {"name": "c"}], ignore=True)
    assert [(c.table, c.bulk) for c in heard] == [("rooms", True), ("rooms", True)]


async def test_what_is_written_along_is_told(db: Database) -> None:
    heard: list[Change] = []
    db.on_change(heard.append)
    room = await Room(name="a", chairs=[Chair(name="x")]).save()
    async with db.transaction() as session:
        session.add(Chair(name="raw", room_id=room.id))
    assert [(c.model.__name__, c.action) for c in heard] == [
        ("Room", "create"),
        ("Chair", "create"),
        ("Chair", "create"),
    ]


async def test_a_listener_hears_of_its_models_only_and_may_be_async(db: Database) -> None:
    heard: list[str] = []

    async def listen(change: Change) -> None:
        await asyncio.sleep(0)
        heard.append(change.model.__name__)

    listening = db.on_change(listen, Chair)
    await Room.create(name="a")
    await Chair.create(name="x")
    listening.stop()
    listening.stop()
    await Chair.create(name="y")
    assert heard == ["Chair"]


async def test_a_listener_that_fails_harms_nobody(
    db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[Change] = []

    def fail(_: Change) -> None:
        raise KeyError("listener")

    db.on_change(fail)
    db.on_change(heard.append)
    room = await Room.create(name="a")
    assert (await Room.get(room.id)).name == "a"
    assert len(heard) == 1
    assert "listener" in caplog.text


async def test_a_listener_may_write(db: Database) -> None:
    async def follow(change: Change) -> None:
        await Chair.create(name="first", room_id=change.key)

    with db.on_change(follow, Room):
        room = await Room.create(name="a")
        async with db.transaction():
            await Room.create(name="b")
    assert await Chair.where(room_id=room.id).count() == 1
    assert await Chair.all().count() == 2


async def test_a_loop_follows_changes(db: Database) -> None:
    heard: list[str] = []

    async def follow() -> None:
        async with db.changes(Room) as changes:
            ready.set()
            async for change in changes:
                heard.append((change.after or {})["name"])
                if len(heard) == 3:
                    return

    ready = asyncio.Event()
    task = asyncio.create_task(follow())
    await ready.wait()
    for name in "abc":
        await Room.create(name=name)
    async with asyncio.timeout(5):
        await task
    assert heard == ["a", "b", "c"]
    assert not db.feed


async def test_a_reader_that_is_too_slow_is_told_so(db: Database) -> None:
    async with db.changes(backlog=2) as changes:
        for name in "abcd":
            await Room.create(name=name)
        with pytest.raises(Lagged, match="4 changes came faster") as caught:
            await anext(changes)
        assert caught.value.lost == 4
        await Room.create(name="e")
        assert ((await anext(changes)).after or {})["name"] == "e"


async def test_a_commit_that_was_cancelled_is_told_all_the_same(db: Database) -> None:
    heard: list[Change] = []
    db.on_change(heard.append)

    async def write() -> None:
        async with db.transaction():
            await Room.create(name="a")

    for delay in range(40):
        task = asyncio.create_task(write())
        for _ in range(delay):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        there = await Room.all().count()
        assert len(heard) == there
        await Room.all().delete_all()
        heard.clear()


async def test_what_is_told_does_not_change_with_the_object(db: Database) -> None:
    async with db.changes(Drawer) as changes:
        drawer = await Drawer.create(things=["pen"])
        drawer.things.append("ink")
        await drawer.save()
        drawer.things.append("unsaved")
        created, updated = await anext(changes), await anext(changes)
    assert created.after == {"id": drawer.id, "things": ["pen"]}
    assert updated.before == {"id": drawer.id, "things": ["pen"]}
    assert updated.after == {"id": drawer.id, "things": ["pen", "ink"]}
    assert updated.after is not None
    updated.after["things"].clear()
    assert drawer.things == ["pen", "ink", "unsaved"]


async def test_a_loop_over_changes_begins_with_its_block(db: Database) -> None:
    with pytest.raises(ConfigurationError, match=r"async with db\.changes\(\) as changes"):
        async for _ in db.changes():
            pass


async def test_a_loop_over_changes_ends_with_its_block_and_with_the_database() -> None:
    with MODELS:
        db = await Database().start()
        await db.create_all()
        heard: list[str] = []

        async def follow() -> None:
            async with db.changes(Room) as changes:
                following.set()
                heard.extend([change.action async for change in changes])

        following = asyncio.Event()
        reader = asyncio.create_task(follow())
        await following.wait()
        async with db.changes(Room) as changes:
            await Room.create(name="a")
        assert [change.action async for change in changes] == ["create"]
        await db.aclose()
        async with asyncio.timeout(10):
            await reader
        assert heard == ["create"]
        assert not db.feed

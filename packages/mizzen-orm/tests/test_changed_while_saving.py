"""What is assigned while a save is under way is not lost: the next save writes it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from mizzen.orm import Database, Model, Timestamps

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

pytestmark = pytest.mark.usefixtures("mizzen_models")


@pytest.fixture
async def db(database_url: str) -> AsyncGenerator[Database]:
    """A started database without tables."""
    async with Database(database_url) as database:
        yield database


async def test_a_change_during_an_update_is_saved_by_the_next(db: Database) -> None:
    class Note(Timestamps, Model):
        title: str
        stars: int = 0

    await db.create_all()
    note = await Note.create(title="a")
    note.stars = 1
    saving = asyncio.create_task(note.save())
    await asyncio.sleep(0)
    note.stars, note.title = 2, "b"
    await saving
    assert note.changes == {"stars": (1, 2), "title": ("a", "b")}
    found = await Note.get(note.id)
    assert (found.stars, found.title, found.updated_at) == (1, "a", note.updated_at)
    await note.save()
    found = await Note.get(note.id)
    assert (found.stars, found.title, note.changes) == (2, "b", {})


async def test_a_change_during_an_insert_is_saved_by_the_next(db: Database) -> None:
    class Note(Model):
        title: str

    await db.create_all()
    note = Note(title="a")
    saving = asyncio.create_task(note.save())
    await asyncio.sleep(0)
    note.title = "b"
    await saving
    assert note.changes == {"title": ("a", "b")}
    await note.save()
    assert await Note.all().pluck("title") == ["b"]


async def test_saves_at_once_leave_nothing_to_save_where_writers_queue(mizzen_db: Database) -> None:
    class Note(Timestamps, Model):
        stars: int = 0

    await mizzen_db.create_all()
    note = await Note.create()
    saves: list[asyncio.Task[Note]] = []
    for stars in range(1, 6):
        note.stars = stars
        saves.append(asyncio.create_task(note.save()))
        await asyncio.sleep(0)
    await asyncio.gather(*saves)
    await note.save()
    assert note.changes == {}
    assert (await Note.get(note.id)).stars == 5

"""`create` makes no more than a row where a model asks for no more, and nobody can tell."""

from __future__ import annotations

import asyncio
from copy import copy
from typing import TYPE_CHECKING, Any, Self

import pytest
from sqlalchemy import JSON, text

from mizzen.orm import Database, Field, Model, OrmError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

pytestmark = pytest.mark.usefixtures("mizzen_models")


@pytest.fixture
async def db(database_url: str) -> AsyncGenerator[Database]:
    """A started database without tables."""
    async with Database(database_url) as database:
        yield database


@pytest.fixture
async def lite(tmp_path: Any, anyio_backend: object) -> AsyncGenerator[Database]:
    """A SQLite file without tables."""
    async with Database(f"sqlite:///{tmp_path}/notes.db") as database:
        yield database


async def run(database: Database, sql: str) -> None:
    async with database.transaction() as session:
        await session.execute(text(sql))


async def test_what_was_created_is_a_row_like_any_other(db: Database) -> None:
    class Note(Model):
        title: str
        stars: int | None = None
        extras: dict[str, Any] = Field(default={}, sa_type=JSON)

    await db.create_all()
    note = await Note.create(title="a", extras={"b": 1})
    assert (note.is_new, note.changes) == (False, {})
    assert note.previous_changes == {
        "id": (None, note.id),
        "title": (None, "a"),
        "stars": (None, None),
        "extras": (None, {"b": 1}),
    }
    assert note == await Note.get(note.id)
    assert copy(note) == note
    note.extras["b"] = 2
    assert note.changes == {"extras": ({"b": 1}, {"b": 2})}
    await note.update(stars=3)
    async with db.transaction() as session:
        session.add(note)
        note.title = "c"
    found = await Note.get(note.id)
    assert (found.title, found.stars, found.extras) == ("c", 3, {"b": 2})


async def test_rows_created_at_once_have_their_own_keys(db: Database) -> None:
    class Note(Model):
        title: str

    await db.create_all()
    notes = await asyncio.gather(*(Note.create(title=str(number)) for number in range(40)))
    assert {note.id: note.title for note in notes} == dict(await Note.all().pluck("id", "title"))


async def test_a_row_without_values_is_published(db: Database) -> None:
    class Note(Model):
        title: str | None = None

    await db.create_all()
    seen: list[tuple[str, Any]] = []
    db.on_change(lambda change: seen.append((change.action, change.key)))
    first, second = await Note.create(), await Note().save()
    assert seen == [("create", first.id), ("create", second.id)]


async def test_a_save_of_the_models_own_is_called(db: Database) -> None:
    class Note(Model):
        title: str

        async def save(self) -> Self:
            self.title = self.title.upper()
            return await super().save()

    await db.create_all()
    assert (await Note.create(title="a")).title == "A"
    assert await Note.all().pluck("title") == ["A"]


async def test_a_trigger_that_writes_elsewhere_changes_no_key(lite: Database) -> None:
    class Note(Model):
        title: str

    class Trace(Model):
        said: str

    await lite.create_all()
    await Trace.insert_all([{"said": str(number)} for number in range(7)])
    await run(
        lite,
        "CREATE TRIGGER traced AFTER INSERT ON notes "
        "BEGIN INSERT INTO traces (said) VALUES (new.title); END",
    )
    note = await Note.create(title="a")
    assert (note.id, await Trace.count()) == (1, 8)


async def test_a_row_that_a_trigger_leaves_out_is_told(lite: Database) -> None:
    class Note(Model):
        title: str

    await lite.create_all()
    await Note.create(title="kept")
    await run(
        lite,
        "CREATE TRIGGER picky BEFORE INSERT ON notes WHEN new.title = 'bad' "
        "BEGIN SELECT RAISE(IGNORE); END",
    )
    with pytest.raises(OrmError, match="left this Note out"):
        await Note.create(title="bad")
    note = Note(title="bad")
    with pytest.raises(OrmError, match="left this Note out"):
        await note.save()
    assert note.is_new
    assert await Note.all().pluck("title") == ["kept"]


async def test_a_key_that_is_no_row_number_comes_back(lite: Database) -> None:
    class Word(Model):
        key: str | None = Field(
            default=None, primary_key=True, sa_column_kwargs={"server_default": "hello"}
        )
        stars: int = 0

    await lite.create_all()
    assert (await Word.create()).key == "hello"

"""Documents in JSON columns come back as what they were; a change inside one is not lost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import pytest
from pydantic import BaseModel, ConfigDict
from pydantic import Field as Setting
from sqlalchemy import JSON, PickleType, text
from sqlalchemy.orm.attributes import flag_modified

from mizzen.orm import ConfigurationError, Database, Field, Invalid, Model, Unreadable
from mizzen.orm._fields.in_place import changed_in_place, mutable_fields, snapshot
from mizzen.orm.testing import scratch_models

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

MODELS = scratch_models()


class Theme(BaseModel):
    color: str = "red"
    since: date | None = None


class Settings(BaseModel):
    size: int = Setting(default=1, alias="fontSize")
    theme: Theme = Theme()
    tags: set[str] = set()


class Strict(BaseModel):
    model_config = ConfigDict(strict=True)
    day: date


@dataclass
class Point:
    x: int
    y: int = 0


with MODELS:

    class Note(Model):
        title: str = ""
        meta: dict[str, Any] = Field(default_factory=dict)
        tags: list[str] = Field(default_factory=list)
        settings: Settings = Field(default_factory=Settings)
        strict: Strict | None = None
        point: Point | None = None
        seen: set[int] = Field(default_factory=set)
        pair: tuple[int, date] | None = None
        either: int | str | None = None
        by_hand: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)

    class Plain(Model):
        title: str = ""


@pytest.fixture
async def db(database_url: str, anyio_backend: object) -> AsyncGenerator[Database]:
    with MODELS:
        async with Database(database_url) as database:
            await database.create_all()
            yield database


async def test_every_kind_comes_back_as_it_was(db: Database) -> None:
    made = await Note.create(
        meta={"a": [1, 2.5, None, {"ü": "☃"}], "": ""},
        tags=["x", ""],
        settings=Settings(fontSize=9, theme=Theme(since=date(2024, 2, 29)), tags={"b"}),
        strict=Strict(day=date(2024, 1, 1)),
        point=Point(1, 2),
        seen={1, 2},
        pair=(1, date(2020, 1, 1)),
        either="5",
        by_hand={"a": 1},
    )
    found = await Note.get(made.id)
    assert found.model_dump() == made.model_dump()
    assert isinstance(found.settings.theme, Theme)
    assert found.point == Point(1, 2)
    assert found.strict == Strict(day=date(2024, 1, 1))
    assert await Note.all().pluck("settings") == [made.settings]


async def test_none_is_null(db: Database) -> None:
    await Note.create(point=None)
    async with db.session() as session:
        assert await session.scalar(text("SELECT count(*) FROM notes WHERE point IS NULL")) == 1
    assert await Note.where(point=None).count() == 1


async def test_parts_are_looked_for(db: Database) -> None:
    await Note.create(meta={"a": {"b": "x"}, "n": 3}, settings=Settings(fontSize=4))
    notes: Any = Note
    assert await Note.where(notes.meta["a"]["b"].as_string() == "x").count() == 1
    assert await Note.where(notes.meta[("a", "b")].as_string() == "x").count() == 1
    assert await Note.where(notes.meta["n"].as_integer() > 2).count() == 1
    assert await Note.where(notes.settings["size"].as_integer() == 4).count() == 1
    async with db.session() as session:
        from sqlalchemy import select

        assert await session.scalar(select(notes.settings["theme"])) == {
            "color": "red",
            "since": None,
        }


async def test_a_document_that_does_not_fit_any_more_is_said(db: Database) -> None:
    note = await Note.create()
    async with db.transaction() as session:
        await session.execute(
            text("UPDATE notes SET settings = :s"), {"s": '{"size": "secret-value"}'}
        )
    with pytest.raises(Unreadable, match="doesn't fit Settings") as caught:
        await Note.get(note.id)
    assert "secret-value" not in str(caught.value)


async def test_update_all_writes_documents(db: Database) -> None:
    await Note.create()
    await Note.all().update_all(settings=Settings(fontSize=7), tags=["z"])
    found = await Note.all().one()
    assert (found.settings.size, found.tags) == (7, ["z"])


async def test_a_value_that_json_can_not_hold_is_invalid(db: Database) -> None:
    for bad in (object(), b"\xff"):
        with pytest.raises(Invalid, match="can't be stored as JSON"):
            await Note.create(meta={"a": bad})
    assert await Note.all().count() == 0


async def test_a_change_inside_a_value_is_seen(db: Database) -> None:
    made = await Note.create(meta={"a": {"b": []}}, settings=Settings(), seen={1})
    note = await Note.get(made.id)
    before = snapshot(Note, vars(note))
    assert changed_in_place(Note, vars(note), before) == []
    note.meta["a"]["b"].append(1)
    note.settings.theme.color = "blue"
    note.by_hand["new"] = 1
    note.seen.add(2)
    changed = changed_in_place(Note, vars(note), before)
    assert sorted(changed) == ["by_hand", "meta", "seen", "settings"]
    for name in changed:
        flag_modified(note, name)
    await note.save()
    found = await Note.get(made.id)
    assert found.meta == {"a": {"b": [1]}}
    assert (found.settings.theme.color, found.by_hand, found.seen) == ("blue", {"new": 1}, {1, 2})


def test_only_values_that_can_change_inside_are_watched() -> None:
    assert mutable_fields(Plain) == ()
    assert set(mutable_fields(Note)) == {
        *("meta", "tags", "settings", "strict", "point", "seen", "pair", "either", "by_hand")
    }


def test_a_form_exists_for_anything() -> None:
    from mizzen.orm._fields.in_place import form

    for value in ({1: b"\xff"}, [float("nan")], {object}, {"a": date(2020, 1, 1)}, Point(1)):
        assert form(value) == form(value)
    assert form({"a": 1}) != form({"a": "1"})


def test_a_pickle_is_refused() -> None:
    with scratch_models(), pytest.raises(ConfigurationError, match="a pickle runs code"):

        class Wrong(Model):  # pyright: ignore[reportUnusedClass]
            data: dict[str, Any] = Field(sa_type=PickleType)


def test_a_relation_without_relationship_is_no_document() -> None:
    with scratch_models():

        class Part(Model):
            name: str

        with pytest.raises(ConfigurationError, match=r"Whole\.parts: Part is a table"):
            type("Whole", (Model,), {"__annotations__": {"parts": list[Part]}})
        with pytest.raises(ConfigurationError, match=r"is not defined \(yet\)"):
            type("Later", (Model,), {"__annotations__": {"parts": "list[Missing]"}})


def test_an_encrypted_document_is_watched_too() -> None:
    from mizzen.orm import Encrypted

    with scratch_models():

        class Safe(Model):
            meta: Annotated[dict[str, Any], Encrypted()]
            pin: Annotated[str, Encrypted()]

        assert mutable_fields(Safe) == ("meta",)

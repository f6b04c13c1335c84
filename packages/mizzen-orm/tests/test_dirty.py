"""What was changed on an object, what its last save wrote, and what a failed one gives back."""

from __future__ import annotations

import asyncio
import copy
import pickle
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from mizzen.orm import (
    ConfigurationError,
    Database,
    Field,
    Invalid,
    Model,
    NotFound,
    NotUnique,
    Stale,
    Timestamps,
)
from mizzen.orm.testing import scratch_models

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

with scratch_models() as MODELS:

    class Paper(Model):
        title: str
        body: str | None = None
        tags: list[str] = Field(default_factory=list)

    class Sheet(Model):
        title: str
        lock_version: int = 1

    class Named(Model):
        name: str = Field(unique=True)
        note: str = ""

    class Dated(Timestamps, Model):
        title: str
        lock_version: int = 1


@pytest.fixture
async def db(database_url: str, anyio_backend: object) -> AsyncGenerator[Database]:
    with MODELS:
        async with Database(database_url) as database:
            await database.create_all()
            yield database


async def test_changes_and_previous_changes(db: Database) -> None:
    paper = Paper(title="a")
    assert paper.is_new
    assert paper.changes == {"title": (None, "a"), "tags": (None, [])}
    await paper.save()
    assert (paper.is_new, paper.changes) == (False, {})
    assert paper.previous_changes["title"] == (None, "a")
    assert paper.previous_changes["id"] == (None, paper.id)
    paper.title = "b"
    paper.title = "c"
    paper.body = None
    assert paper.changes == {"title": ("a", "c")}
    paper.title = "a"
    assert paper.changes == {}
    await paper.update(title="d", body="x")
    assert paper.previous_changes == {"title": ("a", "d"), "body": (None, "x")}
    read = await Paper.get(paper.id)
    assert (read.changes, read.previous_changes, read.is_new) == ({}, {}, False)
    read.title = "e"
    assert read.changes == {"title": ("d", "e")}
    await read.reload()
    assert read.changes == {}


async def test_inside_a_transaction_it_is_the_same(db: Database) -> None:
    async with db.transaction():
        paper = await Paper.create(title="a")
        assert paper.previous_changes["title"] == (None, "a")
        paper.title = "b"
        assert paper.changes == {"title": ("a", "b")}
        await paper.save()
        assert paper.previous_changes == {"title": ("a", "b")}
        assert paper.changes == {}


async def test_a_failed_transaction_gives_the_changes_back(db: Database) -> None:
    paper, created = await Paper.create(title="a", body="x"), Paper(title="new")
    with pytest.raises(KeyError):
        async with db.transaction():
            await paper.update(title="b")
            await paper.update(title="c", body="y")
            await created.save()
            raise KeyError
    assert paper.changes == {"title": ("a", "c"), "body": ("x", "y")}
    assert paper.previous_changes == {}
    assert (created.is_new, created.id) == (True, None)
    await paper.save()
    await created.save()
    found = await Paper.get(paper.id)
    assert (found.title, found.body) == ("c", "y")
    assert (await Paper.get(created.id)).title == "new"


async def test_a_destroyed_row_whose_transaction_failed_is_there_again(db: Database) -> None:
    paper = await Paper.create(title="a")
    with pytest.raises(KeyError):
        async with db.transaction():
            await paper.destroy()
            raise KeyError
    await paper.update(title="b")
    assert (await Paper.get(paper.id)).title == "b"
    await paper.destroy()
    for use in (paper.destroy, paper.save, paper.reload):
        with pytest.raises(NotFound, match="gone"):
            await use()


async def test_copies_and_pickles(db: Database) -> None:
    paper = await Paper.create(title="a")
    await paper.update(title="b")
    for twin in (copy.copy(paper), pickle.loads(pickle.dumps(paper))):
        assert (twin.changes, twin.is_new) == ({}, False)
        twin.title = "c"
        assert twin.changes == {"title": ("b", "c")}


async def test_destroying_what_is_gone_says_so(db: Database) -> None:
    paper = await Paper.create(title="a")
    await (await Paper.get(paper.id)).destroy()
    with pytest.raises(NotFound, match="is gone"):
        await paper.destroy()
    assert paper.title == "a"


async def test_a_stale_lock_version_raises(db: Database) -> None:
    sheet = await Sheet.create(title="a")
    assert sheet.lock_version == 1
    other = await Sheet.get(sheet.id)
    await sheet.update(title="b")
    assert sheet.lock_version == 2
    with pytest.raises(Stale, match=r"the Sheet 1 was changed .* reload\(\)"):
        await other.update(title="c")
    with pytest.raises(Stale):
        await other.destroy()
    assert other.changes == {"title": ("a", "c")}
    await other.reload()
    await other.update(title="c")
    assert (await Sheet.get(sheet.id)).lock_version == 3
    await other.destroy()
    with pytest.raises(Stale):
        await sheet.update(title="d")


async def test_a_failed_save_loses_no_value(db: Database) -> None:
    await Named.create(name="taken")
    named = await Named.create(name="free", note="x")
    with pytest.raises(NotUnique):
        await named.update(name="taken", note="y")
    assert named.changes == {"name": ("free", "taken"), "note": ("x", "y")}
    with pytest.raises(NotUnique):
        async with db.transaction():
            await named.save()
    assert (named.name, named.note) == ("taken", "y")
    await named.update(name="other")
    found = await Named.get(named.id)
    assert (found.name, found.note) == ("other", "y")


async def test_a_save_without_changes_checks_nothing(db: Database) -> None:
    sheet = await Sheet.create(title="a")
    await (await Sheet.get(sheet.id)).update(title="b")
    await sheet.save()
    assert (await Sheet.get(sheet.id)).title == "b"


async def test_two_at_once_lose_none(db: Database) -> None:
    sheet = await Sheet.create(title="")

    async def add(letter: str) -> None:
        while True:
            mine = await Sheet.get(sheet.id)
            mine.title += letter
            try:
                await mine.save()
            except Stale:
                continue
            return

    await asyncio.gather(*(add(letter) for letter in "abcdef"))
    found = await Sheet.get(sheet.id)
    assert (sorted(found.title), found.lock_version) == (list("abcdef"), 7)


async def test_a_bulk_update_makes_what_was_read_stale(db: Database) -> None:
    sheet = await Sheet.create(title="a")
    await Sheet.all().update_all(title="b")
    with pytest.raises(Stale):
        await sheet.update(title="c")


async def test_a_failed_transaction_gives_the_version_back(db: Database) -> None:
    sheet = await Sheet.create(title="a")
    with pytest.raises(KeyError):
        async with db.transaction():
            await sheet.update(title="b")
            await sheet.update(title="c")
            raise KeyError
    assert (sheet.lock_version, sheet.changes) == (1, {"title": ("a", "c")})
    await sheet.save()
    found = await Sheet.get(sheet.id)
    assert (found.title, found.lock_version) == ("c", 2)


async def test_a_savepoint_that_fails_shows_what_the_database_has(db: Database) -> None:
    sheet = await Sheet.create(title="a")
    async with db.transaction():
        await sheet.update(title="b")
        with pytest.raises(KeyError):
            async with db.transaction():
                await sheet.update(title="c")
                raise KeyError
        assert (sheet.title, sheet.lock_version) == ("b", 2)
        await sheet.update(title="d")
    assert (await Sheet.get(sheet.id)).lock_version == 3


async def test_it_goes_together_with_timestamps(db: Database) -> None:
    dated = await Dated.create(title="a", updated_at=datetime(2020, 1, 1, tzinfo=UTC))
    await dated.update(title="b")
    assert dated.lock_version == 2
    assert dated.updated_at.year > 2020
    assert (await Dated.get(dated.id)).updated_at == dated.updated_at


def test_a_lock_version_that_can_not_count_is_refused() -> None:
    with scratch_models(), pytest.raises(ConfigurationError, match="lock_version: int = 1"):
        type("Wrong", (Model,), {"__annotations__": {"lock_version": str}, "lock_version": "a"})


async def test_a_change_inside_a_value_is_saved(db: Database) -> None:
    paper = await Paper.create(title="a", tags=["x"])
    paper.tags.append("y")
    assert paper.changes == {"tags": (["x"], ["x", "y"])}
    await paper.save()
    assert (paper.changes, paper.previous_changes) == ({}, {"tags": (["x"], ["x", "y"])})
    read = await Paper.get(paper.id)
    assert (read.tags, read.changes) == (["x", "y"], {})
    read.tags[0] = "z"
    await read.update(title="b")
    (listed,) = await Paper.where(title="b")
    assert listed.tags == ["z", "y"]
    listed.tags.clear()
    async with db.transaction():
        await listed.save()
        inside = await Paper.get(paper.id)
        assert inside.tags == []
        inside.tags.append("inside")
        await inside.save()
    found = await Paper.get(paper.id)
    assert found.tags == ["inside"]
    found.tags.append("lost")
    await found.reload()
    assert (found.tags, found.changes) == (["inside"], {})
    (bulk,) = await Paper.insert_all([{"title": "bulk"}])
    bulk.tags.append("more")
    await bulk.save()
    assert (await Paper.get(bulk.id)).tags == ["more"]


async def test_a_change_inside_a_value_survives_a_failed_transaction(db: Database) -> None:
    paper = await Paper.create(title="a", tags=["x"])
    with pytest.raises(KeyError):
        async with db.transaction():
            paper.tags.append("y")
            await paper.save()
            raise KeyError
    assert (await Paper.get(paper.id)).tags == ["x"]
    await paper.save()
    assert (await Paper.get(paper.id)).tags == ["x", "y"]


async def test_a_row_of_a_failed_savepoint_has_no_key(db: Database) -> None:
    async with db.transaction():
        first, second = Paper(title="a"), Paper(title="b")
        with pytest.raises(KeyError):
            async with db.transaction():
                await first.save()
                raise KeyError
        assert (first.is_new, first.id) == (True, None)
        await second.save()
        await first.save()
    assert sorted(await Paper.all().pluck("title")) == ["a", "b"]


async def test_one_object_is_one_row(db: Database) -> None:
    paper = Paper(title="a")
    with pytest.raises(Invalid, match="give an object once"):
        await Paper.insert_all([paper, paper])


async def test_a_save_without_changes_wrote_nothing(db: Database) -> None:
    paper = await Paper.create(title="a")
    await paper.update(title="b")
    await paper.save()
    assert paper.previous_changes == {}


async def test_a_value_that_was_assigned_but_is_the_same_is_not_written(db: Database) -> None:
    paper = await Paper.create(title="a")
    await Paper.where(id=paper.id).update_all(title="by somebody else")
    paper.title = "a"
    await paper.update(body="mine")
    found = await Paper.get(paper.id)
    assert (found.title, found.body) == ("by somebody else", "mine")

"""Rows that were read with strict_loading() never ask for a relation by themselves."""

from __future__ import annotations

import copy
import pickle
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import pytest

from mizzen.orm import Database, Field, Model, NotLoaded, Relationship
from mizzen.orm.testing import scratch_models

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

with scratch_models() as MODELS:

    class Rack(Model):
        name: str
        volumes: list[Volume] = Relationship(back_populates="rack")

    class Volume(Model):
        title: str
        rack_id: int | None = Field(default=None, foreign_key="racks.id")
        rack: Rack | None = Relationship(back_populates="volumes")
        pages: list[Leaf] = Relationship(back_populates="volume")

    class Leaf(Model):
        number: int = 0
        volume_id: int | None = Field(default=None, foreign_key="volumes.id")
        volume: Volume | None = Relationship(back_populates="pages")


@pytest.fixture(params=["straight", "session"])
async def db(
    request: pytest.FixtureRequest, database_url: str, anyio_backend: object
) -> AsyncGenerator[Database]:
    with MODELS:
        async with Database(database_url) as database, AsyncExitStack() as stack:
            await database.create_all()
            for number in range(3):
                rack = await Rack.create(name=f"s{number}")
                volume = await Volume.create(title=f"v{number}", rack_id=rack.id)
                await Leaf.create(number=number, volume_id=volume.id)
            if request.param == "session":
                await stack.enter_async_context(database.transaction())
            yield database


def loose(value: object) -> Any:
    """Return *value* for the checkers to leave alone."""
    return value


async def test_what_is_not_included_is_refused_by_name(db: Database) -> None:
    each = [one async for one in Volume.where().strict_loading()]
    for volume in (
        each[0],
        (await Volume.where().strict_loading())[0],
        await Volume.where().strict_loading().first(),
        await Volume.where().strict_loading().get(1),
        await Volume.where(id=1).strict_loading().one(),
    ):
        with pytest.raises(NotLoaded, match=r'Volume\.rack .*strict_loading.*include\("rack"\)'):
            await loose(volume).rack
        with pytest.raises(NotLoaded, match=r"Volume\.pages"):
            loose(volume).pages  # noqa: B018
        with pytest.raises(NotLoaded, match=r"Volume\.rack"):
            await loose(volume).load("rack")


async def test_what_is_included_is_there_and_is_strict_too(db: Database) -> None:
    volumes = await Volume.include("rack", "pages").strict_loading().order("id")
    assert [loose(volume).rack.name for volume in volumes] == ["s0", "s1", "s2"]
    assert [leaf.number for leaf in await loose(volumes[1]).pages] == [1]
    assert (await volumes[0].load("rack")).rack is volumes[0].rack
    # In one transaction an included row may hold what belongs to it already.
    with pytest.raises(NotLoaded, match=r'Rack\.volumes .*include\("volumes"\)'):
        await loose(volumes[0].rack).volumes
    deep = await Volume.include("rack.volumes").strict_loading().first()
    assert [one.title for one in loose(deep).rack.volumes] == ["v0"]


async def test_fields_and_writes_are_as_ever(db: Database) -> None:
    volume = await Volume.where().strict_loading().get(1)
    assert volume.title == "v0"
    await volume.update(title="other")
    assert (await Volume.get(1)).title == "other"
    assert volume == await Volume.get(1)
    assert pickle.loads(pickle.dumps(volume)).title == "other"
    assert copy.copy(volume).title == "other"
    await volume.reload()
    await (await Leaf.where(volume_id=1).one()).destroy()
    await volume.destroy()
    assert await Volume.find(1) is None


async def test_other_reads_stay_lenient(db: Database) -> None:
    strict = Volume.where().strict_loading()
    assert await strict.count() == 3
    assert await strict.pluck("title") == ["v0", "v1", "v2"]
    if db.straight is not None:
        volume = await Volume.get(2)
        assert (await loose(volume).rack).name == "s1"

"""Computed columns, hybrids, and comments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import pytest
from sqlalchemy import inspect
from sqlalchemy.ext.hybrid import hybrid_method, hybrid_property

from mizzen.orm import ConfigurationError, Database, Field, Generated, Invalid, Model
from mizzen.orm.testing import scratch_models

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from sqlalchemy import ColumnElement

MODELS = scratch_models()

with MODELS:

    class Box(Model):
        __comment__ = 'Boxes, with Bobby\'s "quotes"'

        width: int = Field(description="in mm; it's the inner one")
        height: int = 1
        area: Annotated[int | None, Generated("width * height")] = None

        @hybrid_property
        def longest(self) -> int:
            return max(self.width, self.height)

        @longest.inplace.expression
        @classmethod
        def _longest(cls) -> ColumnElement[int]:
            from sqlalchemy import case

            box: Any = cls
            return case((box.width > box.height, box.width), else_=box.height)

        @hybrid_method
        def fits(self, size: int) -> bool:
            box: Any = self
            found: bool = (box.width <= size) & (box.height <= size)
            return found


@pytest.fixture
async def db(database_url: str, anyio_backend: object) -> AsyncGenerator[Database]:
    with MODELS:
        async with Database(database_url) as database:
            await database.create_all()
            yield database


async def test_a_generated_value_is_there_after_insert_and_read(db: Database) -> None:
    box = await Box.create(width=3, height=4)
    assert box.area == 12
    assert (await Box.get(box.id)).area == 12
    assert await Box.where(area=12).count() == 1
    assert await Box.where(area__gt=12).count() == 0


async def test_a_generated_value_follows_an_update(db: Database) -> None:
    box = await Box.create(width=3, height=4)
    await box.update(width=5)
    assert (await Box.get(box.id)).area == 20
    await box.reload()
    assert box.area == 20


async def test_many_rows_are_inserted_without_it(db: Database) -> None:
    await Box.insert_all({"width": n} for n in range(3))
    assert await Box.order("id").pluck("area") == [0, 1, 2]


def test_a_generated_value_can_not_be_given() -> None:
    with MODELS, pytest.raises(Invalid, match="area: Value error, the database computes"):
        Box(width=1, area=7)


async def test_hybrids_serve_objects_and_queries(db: Database) -> None:
    await Box.insert_all([{"width": 1, "height": 9}, {"width": 5, "height": 2}])
    boxes: Any = Box
    found = await Box.order(boxes.longest)
    assert [box.longest for box in found] == [5, 9]
    assert await Box.where(boxes.longest > 5).count() == 1
    assert await Box.where(boxes.fits(5)).count() == 1
    assert found[0].fits(5)
    assert not found[1].fits(5)


async def test_comments_reach_the_database(db: Database) -> None:
    table: Any = inspect(Box).local_table
    assert table.comment == 'Boxes, with Bobby\'s "quotes"'
    assert table.columns["width"].comment == "in mm; it's the inner one"
    if db.engine.dialect.name != "postgresql":
        return
    async with db.engine.connect() as connection:
        held = await connection.run_sync(lambda sync: inspect(sync).get_table_comment("boxes"))
        columns = await connection.run_sync(lambda sync: inspect(sync).get_columns("boxes"))
    assert held["text"] == table.comment
    assert columns[1].get("comment") == "in mm; it's the inner one"


def test_a_comment_is_text() -> None:
    with scratch_models(), pytest.raises(ConfigurationError, match="__comment__ is text"):
        type("Wrong", (Model,), {"__comment__": 5, "__annotations__": {"x": int}})


def test_a_base_has_no_comment_for_its_tables() -> None:
    with scratch_models():

        class Sized(Model, table=False):
            __comment__ = "a base"
            width: int = Field(description="mm")

        class Lid(Sized):
            pass

        table: Any = inspect(Lid).local_table
        assert (table.comment, table.columns["width"].comment) == (None, "mm")

"""Hybrids: a Python property of the object that is an expression in queries."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import ColumnElement, func
from sqlalchemy.ext.hybrid import hybrid_method, hybrid_property

from mizzen.orm import Database, Field, Model, Relationship
from mizzen.orm.testing import scratch_models

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

MODELS = scratch_models()

with MODELS:

    class Crate(Model):
        name: str
        boxes: list[Box] = Relationship(back_populates="crate")

    class Box(Model, discriminator="kind"):
        width: int
        height: int
        first_name: str = ""
        last_name: str = ""
        crate_id: int | None = Field(default=None, foreign_key="crates.id")
        crate: Crate | None = Relationship(back_populates="boxes")

        @hybrid_property
        def area(self) -> int:
            return self.width * self.height

        @hybrid_property
        def label(self) -> str:
            return f"{self.first_name} {self.last_name}".strip()

        @label.inplace.expression
        @classmethod
        def _label(cls) -> ColumnElement[str]:
            return func.trim(cls.first_name + " " + cls.last_name)

        @hybrid_method
        def larger_than(self, area: int) -> bool:
            return self.width * self.height > area

    class Chest(Box):
        locks: int = 0

        @hybrid_property
        def secure(self) -> bool:
            return self.locks > 1


@pytest.fixture
async def db(database_url: str, anyio_backend: object) -> AsyncGenerator[Database]:
    with MODELS:
        async with Database(database_url) as database:
            await database.create_all()
            crate = await Crate.create(name="c")
            await Box.create(width=2, height=3, first_name="ann", crate_id=crate.id)
            await Box.create(width=5, height=5, first_name="bea", last_name="x")
            await Chest.create(width=4, height=1, locks=2, crate_id=crate.id)
            yield database


async def test_an_object_computes_it(db: Database) -> None:
    box = await Box.order("id").first()
    assert box is not None
    assert (box.area, box.label, box.larger_than(5), box.larger_than(6)) == (6, "ann", True, False)
    box.width = 10
    assert box.area == 30


async def test_conditions_and_orders(db: Database) -> None:
    assert [box.area for box in await Box.where(Box.area > 5).order(Box.area)] == [6, 25]
    assert await Box.where(Box.larger_than(10)).count() == 1
    assert [box.label for box in await Box.where(Box.label == "bea x")] == ["bea x"]
    assert [chest.area for chest in await Chest.where(Chest.secure, Chest.area < 5)] == [4]
    assert [crate.name for crate in await Crate.join("boxes").where(Box.area == 4)] == ["c"]
    assert await Box.where(Box.area > 5).update_all(height=0) == 2
    assert await Box.where(Box.area == 0).delete_all() == 2


async def test_names_in_conditions_orders_and_values(db: Database) -> None:
    assert await Box.where(area__gt=5).order("-area").pluck("area", "label") == [
        (25, "bea x"),
        (6, "ann"),
    ]
    assert await Box.where(label="ann").pluck("id") == [1]
    assert await Crate.where(boxes__area=4).pluck("name") == ["c"]
    assert await Chest.where(secure=True).pluck("locks") == [2]


async def test_values_groups_and_sums(db: Database) -> None:
    rows = await Box.select("id", area=Box.area).order("-area")
    assert [tuple(row) for row in rows] == [(2, 25), (1, 6), (3, 4)]
    (row,) = await Box.select(total=func.sum(Box.area))
    assert row.total == 35
    await Box.create(width=1, height=6)
    sizes = await Box.group("area").annotate(n=func.count()).order("area")
    assert [tuple(row) for row in sizes] == [(4, 1), (6, 2), (25, 1)]
    await Box.where(width=1).delete_all()
    assert [row.area for row in await Box.annotate(area=Box.area).order("area")] == [4, 6, 25]

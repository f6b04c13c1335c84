"""An explicit None in a field that has a default is stored as NULL, whichever way it goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from mizzen.orm import Database, Field, Model
from mizzen.orm.testing import scratch_models

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

MODELS = scratch_models()


def seven() -> int:
    return 7


with MODELS:

    class Review(Model):
        code: str = Field(unique=True)
        stars: int | None = 3
        score: int | None = Field(default_factory=seven)
        tags: list[str] | None = Field(default_factory=lambda: ["new"])
        note: str | None = None


@pytest.fixture
async def db(database_url: str, anyio_backend: object) -> AsyncGenerator[Database]:
    with MODELS:
        async with Database(database_url) as database:
            await database.create_all()
            yield database


async def stored(db: Database) -> list[tuple[Any, ...]]:
    sql = "SELECT stars, score, tags IS NULL FROM reviews ORDER BY code"
    async with db.session() as session:
        return [(row[0], row[1], bool(row[2])) for row in await session.execute(text(sql))]


NOTHING: dict[str, Any] = {"stars": None, "score": None, "tags": None}
FILLED, EMPTY = (3, 7, False), (None, None, True)


async def test_straight_to_the_driver(db: Database) -> None:
    empty = await Review.create(code="a", **NOTHING)
    await Review.create(code="b")
    assert await stored(db) == [EMPTY, FILLED]
    assert (empty.stars, empty.score, empty.tags) == (None, None, None)
    assert (await Review.get(empty.id)).stars is None


async def test_through_the_session(db: Database) -> None:
    async with db.transaction():
        empty = await Review.create(code="a", **NOTHING)
        await Review.create(code="b")
        assert (empty.stars, empty.score, empty.tags) == (None, None, None)
    assert await stored(db) == [EMPTY, FILLED]


@pytest.mark.parametrize("inside", [False, True])
async def test_many_at_once(db: Database, inside: bool) -> None:
    async def write() -> None:
        await Review.insert_all([{"code": "a", **NOTHING}, {"code": "b"}])
        await Review.upsert_all([{"code": "c", **NOTHING}, {"code": "d"}], on=["code"])
        await Review.all().insert_all([{"code": "e", **NOTHING}], ignore=True)

    if inside:
        async with db.transaction():
            await write()
    else:
        await write()
    assert await stored(db) == [EMPTY, FILLED, EMPTY, FILLED, EMPTY]


async def test_an_update_to_none_and_back(db: Database) -> None:
    review = await Review.create(code="a")
    await review.update(**NOTHING)
    assert await stored(db) == [EMPTY]
    await Review.upsert_all([{"code": "a", "stars": 5}], on=["code"])
    await Review.upsert_all([{"code": "a", "stars": None}], on=["code"])
    assert (await Review.get(review.id)).stars is None
    assert await Review.where(stars=None).count() == 1

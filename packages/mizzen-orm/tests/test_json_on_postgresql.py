"""Documents that the straight way leaves to be read where a row becomes an object."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import ARRAY, JSON
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import JSONB

from mizzen.orm import Database, Field, Model
from mizzen.orm.testing import scratch_models

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

pytestmark = pytest.mark.extra("psycopg")

with scratch_models() as MODELS:

    class Paper(Model):
        plain: Any = Field(default=None, nullable=True, sa_type=JSON)
        binary: Any = Field(default=None, nullable=True, sa_type=JSONB)
        several: Any = Field(default=None, nullable=True, sa_type=ARRAY(JSON))
        square: Any = Field(default=None, nullable=True, sa_type=ARRAY(JSONB, dimensions=2))
        tags: set[str] = Field(default_factory=set)


@pytest.fixture
async def db(postgres_url: str, anyio_backend: object) -> AsyncGenerator[Database]:
    with MODELS:
        async with Database(postgres_url) as database:
            await database.create_all()
            yield database


async def both(db: Database, key: Any) -> tuple[Any, Any]:
    """Return the row as the straight way reads it, and as a session does."""
    straight = await Paper.get(key)
    async with db.transaction():
        await Paper.create()  # what is read after a write is the session's
        return straight, await Paper.get(key)


def held(paper: Any) -> dict[str, Any]:
    return {name: getattr(paper, name) for name in Paper.__pydantic_fields__}


async def test_every_kind_is_read_as_a_session_reads_it(db: Database) -> None:
    documents: list[Any] = [{"a": [1, None]}, "text", 5, 1.5, True, []]
    for document in documents:
        made = await Paper.create(
            plain=document, binary=document, several=[{"a": [None]}, "b"], tags={"x", "y"}
        )
        straight, slow = await both(db, made.id)
        assert held(straight) == held(slow)
        assert straight.plain == straight.binary == document
        assert straight.several == [{"a": [None]}, "b"]


async def test_lists_within_lists_and_what_only_the_standard_library_takes(db: Database) -> None:
    made = await Paper.create()
    async with db.transaction() as session:
        await session.execute(
            sql(
                """UPDATE papers SET plain = '["\\ud800"]', square = """
                """'{{1,"{\\"a\\": 2}"},{"null","[3]"}}' WHERE id = :id"""
            ),
            {"id": made.id},
        )
    straight, slow = await both(db, made.id)
    assert straight.square == slow.square == [[1, {"a": 2}], [None, [3]]]
    assert straight.plain == slow.plain == ["\ud800"]


async def test_a_change_inside_is_saved(db: Database) -> None:
    made = await Paper.create(plain={"a": 1}, binary=[1], several=[{"b": 1}], tags={"x"})
    paper = await Paper.get(made.id)
    assert paper.changes == {}
    paper.plain["a"] = 2
    paper.several[0]["b"] = 3
    paper.tags.add("y")
    assert sorted(paper.changes) == ["plain", "several", "tags"]
    await paper.save()
    again, _ = await both(db, made.id)
    assert (again.plain, again.binary, again.tags) == ({"a": 2}, [1], {"x", "y"})
    assert again.several == [{"b": 3}]


async def test_a_reader_of_the_programs_own_is_asked(
    db: Database, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from psycopg.types.json import JsonbLoader, JsonLoader

    def exact(data: bytes) -> Any:
        return json.loads(data, parse_float=Decimal)

    for loader in (JsonLoader, JsonbLoader):
        monkeypatch.setattr(loader, "_loads", staticmethod(exact))
    made = await Paper.create(plain={"a": 1.5}, binary="text")
    async with Database(postgres_url) as other:
        found = await Paper.using(other).get(made.id)
    assert found.plain == {"a": Decimal("1.5")}
    assert found.binary == "text"

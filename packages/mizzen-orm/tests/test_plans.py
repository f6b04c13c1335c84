"""A plan is a text, whatever the columns of its query are."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest

from mizzen.orm import Database, Field, Model

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

pytestmark = pytest.mark.usefixtures("mizzen_models")


class Kind(Enum):
    ONE = 1


@pytest.fixture
async def db(database_url: str) -> AsyncGenerator[Database]:
    async with Database(database_url) as database:
        yield database


@pytest.mark.parametrize("kind", [datetime, UUID, Kind, list[str], dict[str, Any], bool])
async def test_a_plan_does_not_depend_on_the_types_of_columns(db: Database, kind: Any) -> None:
    names = ("first", "second", "third")
    annotations: dict[str, Any] = {"key": UUID, **dict.fromkeys(names, kind | None)}
    body = {"__module__": __name__, "__annotations__": annotations, **dict.fromkeys(names)}
    key = Field(default_factory=uuid4, primary_key=True)
    thing: Any = type(Model)("Thing", (Model,), {**body, "key": key})
    await db.create_all()
    assert "things" in await thing.all().explain()
    assert "things" in await thing.order("key").limit(3).explain(analyze=True)

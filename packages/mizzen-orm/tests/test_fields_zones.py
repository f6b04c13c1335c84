"""A time that is kept in UTC is refused without a zone, by name, where it is given."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import pytest
from pydantic import AfterValidator, BeforeValidator, NaiveDatetime
from sqlalchemy import DateTime, func

from mizzen.orm import Database, Field, Invalid, Model, Timestamps
from mizzen.orm.testing import scratch_models

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable


def _in_utc(value: Any) -> Any:
    return value and value.replace(tzinfo=UTC)


MODELS = scratch_models()

with MODELS:

    class Dated(Model, table=False):
        day: datetime | None = None

    class Event(Timestamps, Dated):
        at: datetime | None = None
        local: NaiveDatetime | None = None
        bare: datetime | None = Field(default=None, sa_type=DateTime)
        after: Annotated[datetime | None, AfterValidator(_in_utc)] = None
        before: Annotated[datetime | None, BeforeValidator(_in_utc)] = None
        made: datetime = Field(
            default=None, sa_column_kwargs={"server_default": func.current_timestamp()}
        )

    class Logged(Model):
        at: datetime = Field(default_factory=datetime.now)


NAIVE = datetime(2026, 2, 3, 4, 5)


@pytest.fixture
async def db(database_url: str) -> AsyncGenerator[Database]:
    with MODELS:
        async with Database(database_url) as database:
            await database.create_all()
            yield database


WRONG: dict[str, Callable[[Any], Any]] = {
    "create": lambda event: Event.create(at=NAIVE),
    "a text": lambda event: Event.create(at="2026-02-03T04:05:06"),
    "assignment": lambda event: setattr(event, "at", NAIVE),
    "update": lambda event: event.update(at=NAIVE),
    "insert_all": lambda event: Event.insert_all([{"at": NAIVE}]),
    "copy_all": lambda event: Event.copy_all([{"at": NAIVE}]),
    "upsert_all": lambda event: Event.upsert_all([{"id": 1, "at": NAIVE}], on=["id"]),
    "update_all": lambda event: Event.all().update_all(at=NAIVE),
    "a default": lambda event: Logged.create(),
}


@pytest.mark.parametrize("way", list(WRONG))
async def test_a_time_without_a_zone_is_refused_by_name(db: Database, way: str) -> None:
    event = await Event.create()
    with pytest.raises(Invalid, match=r"(Event|Logged) is not valid: at: .*datetime\.now\(UTC\)"):
        await WRONG[way](event)
    assert event.at is None
    assert await Event.all().pluck("at") == [None]
    assert await Logged.count() == 0


async def test_a_base_asks_for_zones_too(db: Database) -> None:
    with pytest.raises(Invalid, match="day: a time needs a timezone"):
        Event(day=NAIVE)


async def test_columns_without_zones_and_validators_that_add_one_take_them(db: Database) -> None:
    event = await Event.create(local=NAIVE, bare=NAIVE, after=NAIVE, before=NAIVE)
    found = await Event.get(event.id)
    aware = NAIVE.replace(tzinfo=UTC)
    assert (found.local, found.bare, found.after, found.before) == (NAIVE, NAIVE, aware, aware)
    assert (await event.reload()).made.tzinfo is not None

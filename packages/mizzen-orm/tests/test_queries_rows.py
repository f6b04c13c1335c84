"""Which rows a query means, and what is done with them, on SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
from contextvars import Context
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mizzen.orm import (
    Busy,
    ConfigurationError,
    Database,
    Field,
    Invalid,
    Model,
    NotLoaded,
    OrmError,
    Relationship,
    Timestamps,
    UnknownName,
)
from mizzen.orm.testing import scratch_models

MODELS = scratch_models()

with MODELS:

    class Person(Timestamps, Model):
        email: str = Field(unique=True)
        name: str = ""
        notes: list[Memo] = Relationship(back_populates="owner")

    class Memo(Model):
        title: str
        body: str = ""
        stars: int | None = None
        at: datetime | None = None
        owner_id: int | None = Field(default=None, foreign_key="persons.id")
        owner: Person | None = Relationship(back_populates="notes")


@pytest.fixture
async def db(database_url: str, anyio_backend: object) -> Any:
    with MODELS:
        async with Database(database_url) as database:
            await database.create_all()
            yield database


async def some() -> None:
    ann = await Person.create(email="ann@x", name="Ann")
    bea = await Person.create(email="bea@x", name="Bea")
    at = datetime(2024, 5, 6, 7, 8, tzinfo=UTC)
    await Memo.create(title="Alpha", stars=1, owner_id=ann.id, at=at)
    await Memo.create(title="alphabet", stars=5, owner_id=ann.id)
    await Memo.create(title="Beta 100%", stars=None, owner_id=bea.id)
    await Memo.create(title="", stars=9)


async def titles(query: Any) -> list[str]:
    return [row.title for row in await query.order("id")]


async def test_alternatives_and_negations(db: Database) -> None:
    await some()
    assert await titles(Memo.where_any(Memo.stars == 1, title__startswith="Beta")) == [
        "Alpha",
        "Beta 100%",
    ]
    both = {"stars__gt": 1, "title__icontains": "ALPHA"}
    assert await titles(Memo.where_any(both, {"stars": 9})) == ["alphabet", ""]
    assert await titles(Memo.where_any()) == []
    assert await titles(Memo.where(both)) == ["alphabet"]
    # NULL is not 5: a row without stars stays.
    assert await titles(Memo.where_not(stars=5)) == ["Alpha", "Beta 100%", ""]
    assert await titles(Memo.where_not(both)) == ["Alpha", "Beta 100%", ""]


async def test_every_further_lookup(db: Database) -> None:
    await some()
    assert await titles(Memo.where(stars__between=(1, 5))) == ["Alpha", "alphabet"]
    assert await titles(Memo.where(title__endswith="a")) == ["Alpha"]
    assert await titles(Memo.where(title__endswith="")) == ["Alpha", "alphabet", "Beta 100%", ""]
    assert await titles(Memo.where(title__endswith="longer than any")) == []
    assert await titles(Memo.where(title__iendswith="00%")) == ["Beta 100%"]
    assert await titles(Memo.where(title__istartswith="ALPHA")) == ["Alpha", "alphabet"]
    assert await titles(Memo.where(title__iexact="ALPHA")) == ["Alpha"]
    assert await titles(Memo.where(title__like="%ph%t")) == ["alphabet"]
    assert await titles(Memo.where(stars__not_in=[1, 5])) == ["Beta 100%", ""]
    assert await titles(Memo.where(at__year=2024, at__month=5, at__hour=7)) == ["Alpha"]


async def test_lookups_across_relations_give_each_row_once(db: Database) -> None:
    await some()
    assert await titles(Memo.where(owner__name="Ann")) == ["Alpha", "alphabet"]
    found = await Person.where(notes__title__icontains="alpha")
    assert [person.name for person in found] == ["Ann"]
    assert await Person.where(notes__owner__email="bea@x").count() == 1
    with pytest.raises(UnknownName):
        Memo.where(owner__nothing=1)


async def test_a_query_is_a_list_of_keys(db: Database) -> None:
    await some()
    people = Person.where(name="Ann")
    assert await titles(Memo.where(owner_id__in=people)) == ["Alpha", "alphabet"]
    assert await titles(Memo.where(owner_id__not_in=people)) == ["Beta 100%", ""]


@pytest.mark.parametrize(
    "bad",
    [
        {"stars__between": 3},
        {"stars__between": (1, 2, 3)},
        {"stars__in": "12"},
        {"stars__in": 5},
        {"stars__": 1},
        {"__": 1},
        {"": 1},
    ],
)
async def test_a_lookup_that_fits_nothing_is_refused(bad: dict[str, Any]) -> None:
    with MODELS, pytest.raises(UnknownName):
        Memo.where(**bad)


@pytest.mark.parametrize("bad", [{"owner": 1}, {"owner": "ann"}])
async def test_a_relation_is_compared_with_objects_only(bad: dict[str, Any]) -> None:
    with MODELS, pytest.raises(Invalid, match="owner"):
        Memo.where(**bad)


NAMES = {"id", "title", "body", "stars", "at", "owner_id"}


@given(st.text())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
def test_a_text_is_a_column_only_if_it_is_mapped(text: str) -> None:
    with MODELS:
        if text.removeprefix("-") not in NAMES:
            with pytest.raises(UnknownName):
                Memo.order(text)
        if text not in NAMES:
            for ask in (Memo.only, Memo.defer):
                with pytest.raises(UnknownName):
                    ask(text)
            with pytest.raises(UnknownName):
                Memo.where(**{text: 1})


async def test_find_or_create_finds_creates_and_survives_a_race(db: Database) -> None:
    ann = await Person.find_or_create({"name": "Ann"}, email="ann@x")
    assert (await Person.find_or_create({"name": "Other"}, email="ann@x")).id == ann.id
    found = await asyncio.gather(
        *(Person.find_or_create({"name": str(n)}, email="race@x") for n in range(8))
    )
    assert len({person.id for person in found}) == 1
    async with db.transaction():
        assert (await Person.find_or_create(email="in@x")).email == "in@x"
    with pytest.raises(UnknownName):
        await Person.find_or_create(email__in=["x"])


async def test_upsert_updates_what_exists_and_inserts_the_rest(db: Database) -> None:
    ann = await Person.create(email="ann@x", name="Ann")
    rows = [{"email": "zoe@x", "name": "Zoe"}, {"email": "ann@x", "name": "Anna"}]
    found = await Person.upsert_all(rows, on=("email",))
    assert [(person.email, person.name) for person in found] == [
        ("zoe@x", "Zoe"),
        ("ann@x", "Anna"),
    ]
    assert found[1].id == ann.id
    assert (found[1].created_at, found[1].updated_at > ann.updated_at) == (ann.created_at, True)
    (same,) = await Person.upsert_all(
        [{"email": "ann@x", "name": "No"}], on=("email",), update=("email",)
    )
    assert same.name == "Anna"
    await same.update(name="Ann")  # what comes back is a row like any other
    with pytest.raises(Invalid, match="two Person rows"):
        await Person.upsert_all([{"email": "a"}, {"email": "a"}], on=("email",))
    with pytest.raises(UnknownName):
        await Person.upsert_all(rows, on=("email; --",))
    with pytest.raises(Invalid):
        await Person.upsert_all([{"email": 3}], on=("email",))
    with pytest.raises(OrmError):
        await Person.upsert_all(rows, on=("name",))  # no unique rule
    assert await Person.upsert_all([], on=("email",)) == []


async def test_insert_all_may_leave_out_what_exists(db: Database) -> None:
    await Person.create(email="ann@x", name="Ann")
    made = await Person.all().insert_all(
        [{"email": "ann@x"}, {"email": "bea@x"}, {"email": "bea@x"}], ignore=True
    )
    assert [person.email for person in made] == ["bea@x"]
    assert await Person.count() == 2


async def test_a_lock_needs_a_transaction(db: Database) -> None:
    await some()
    with pytest.raises(ConfigurationError, match="outside a transaction"):
        await Memo.where(stars=1).with_lock()
    with pytest.raises(ConfigurationError, match="not both"):
        Memo.all().with_lock(nowait=True, skip_locked=True)
    async with db.transaction():
        memo = await Memo.where(stars=1).with_lock().one()
        await memo.update(stars=2)
        assert await Memo.where(stars=2).with_lock().count() == 1


@pytest.mark.extra("psycopg")
async def test_a_locked_row_is_skipped_or_refused(postgres_url: str) -> None:
    with MODELS:
        async with Database(postgres_url) as db:
            await db.create_all()
            await some()

            async def others(**how: bool) -> list[str]:
                async with db.transaction():
                    return await titles(Memo.all().with_lock(**how))

            async with db.transaction():
                await Memo.where(stars=1).with_lock()
                free = await asyncio.create_task(others(skip_locked=True), context=Context())
                assert free == ["alphabet", "Beta 100%", ""]
                with pytest.raises(OrmError) as caught:
                    await asyncio.create_task(others(nowait=True), context=Context())
                assert isinstance(caught.value, Busy) or "lock" in str(caught.value)


async def test_batches_survive_removals(db: Database) -> None:
    await Memo.insert_all({"title": str(n), "stars": n} for n in range(25))
    sizes: list[int] = []
    async for batch in Memo.where(stars__gte=2).in_batches(10):
        sizes.append(len(batch))
        for memo in batch:
            await memo.destroy()
    assert sizes == [10, 10, 3]
    assert await Memo.count() == 2
    with pytest.raises(Invalid):
        await anext(Memo.all().in_batches(0))
    with pytest.raises(UnknownName):
        await anext(Memo.order("title").in_batches())


async def test_a_field_that_was_not_loaded_says_so(db: Database) -> None:
    await some()
    memo = await Memo.only("title").order("id").first()
    assert memo is not None
    assert memo.title == "Alpha"
    with pytest.raises(NotLoaded, match=r"Memo.body was not loaded: .*reload"):
        _ = memo.body
    assert "body" not in repr(memo)
    await memo.update(title="new")
    await memo.reload()
    assert (memo.title, memo.body, memo.stars) == ("new", "", 1)
    (light,) = await Memo.defer("body").where(stars=5)
    light.body = "written"
    await light.save()
    assert (await Memo.get(light.id)).body == "written"
    async with db.transaction():
        (part,) = await Memo.only("id").where(stars=5)
        with pytest.raises(NotLoaded):
            _ = part.title
        (whole,) = await Memo.where(stars=5)
        assert whole.title == "alphabet"
    seen = [memo async for memo in Memo.only("stars")]
    assert len(seen) == 4
    with pytest.raises(NotLoaded):
        _ = seen[0].title

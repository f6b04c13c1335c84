"""Look-ups find the same rows on every database: those that Python would find."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from mizzen.orm import Database, Field, Invalid, Model, Relationship, UnknownName
from mizzen.orm.testing import scratch_models

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

with scratch_models() as MODELS:

    class Keeper(Model):
        name: str
        beasts: list[Beast] = Relationship(back_populates="keeper")

    class Beast(Model):
        name: str | None = None
        legs: int | None = None
        weight: float | None = None
        price: Decimal | None = Field(default=None, max_digits=8, decimal_places=2)
        born: date | None = None
        seen: datetime | None = None
        sleep: timedelta | None = None
        chip: UUID | None = None
        print: bytes | None = None
        tame: bool = False
        tags: list[str] = Field(default_factory=list)
        keeper_id: int | None = Field(default=None, foreign_key="keepers.id")
        keeper: Keeper | None = Relationship(back_populates="beasts")


@pytest.fixture(
    params=[
        "sqlite",
        pytest.param("postgresql", marks=pytest.mark.extra("psycopg")),
        pytest.param("mariadb", marks=pytest.mark.extra("asyncmy")),
    ]
)
async def db(request: pytest.FixtureRequest) -> AsyncGenerator[Database]:
    fixtures = {"postgresql": "postgres_url", "mariadb": "mariadb_url"}
    fixture = fixtures.get(request.param)
    url = "memory:" if fixture is None else request.getfixturevalue(fixture)
    with MODELS:
        async with Database(url) as database:
            await database.create_all()
            yield database


TEXTS = ["", "a", "A", "a%", "a_b", "a\\", "trail ", "é", "É", "e\N{COMBINING ACUTE ACCENT}"]
LETTERS = ["straße", "Ωmega", "ωmega", "\N{PARTY POPPER}", "x\N{PARTY POPPER}", "日本語", "本"]
NAMES = [*TEXTS, *LETTERS]

FINDS: dict[str, Callable[[str, str], bool]] = {
    "eq": lambda name, value: name == value,
    "contains": lambda name, value: value in name,
    "startswith": lambda name, value: name.startswith(value),
    "endswith": lambda name, value: name.endswith(value),
    "iexact": lambda name, value: name.lower() == value.lower(),
    "icontains": lambda name, value: value.lower() in name.lower(),
    "istartswith": lambda name, value: name.lower().startswith(value.lower()),
    "iendswith": lambda name, value: name.lower().endswith(value.lower()),
}


@pytest.mark.parametrize("operator", FINDS)
async def test_a_text_is_found_in_any_alphabet(db: Database, operator: str) -> None:
    await Beast.insert_all([{"name": name} for name in [*NAMES, None]])
    for value in NAMES:
        found = await Beast.where(**{f"name__{operator}": value}).order("id").pluck("name")
        assert found == [name for name in NAMES if FINDS[operator](name, value)]


@pytest.mark.parametrize(
    ("field", "given", "meant"),
    [
        ("id", "1", 1),
        ("legs", "4", 4),
        ("legs", True, 1),
        ("weight", "1.5", 1.5),
        ("price", "2.50", Decimal("2.5")),
        ("born", "2024-02-29", date(2024, 2, 29)),
        ("seen", "2024-02-29T12:00:00Z", datetime(2024, 2, 29, 12, tzinfo=UTC)),
        ("sleep", 60, timedelta(minutes=1)),
        ("chip", "00000000-0000-0000-0000-000000000007", UUID(int=7)),
        ("print", "ab", b"ab"),
        ("tame", "true", True),
    ],
)
async def test_a_value_of_an_address_is_taken_for_what_the_field_holds(
    db: Database, field: str, given: Any, meant: Any
) -> None:
    await Beast.create(**({} if field == "id" else {field: meant}))
    asked = [{field: given}, {f"{field}__in": [given]}]
    if field != "tame":
        asked += [{f"{field}__gte": given}, {f"{field}__between": [given, given]}]
    for lookups in asked:
        query = Beast.where(**lookups)
        assert len(await query) == await query.count() == 1, lookups
    assert await Beast.where(**{f"{field}__ne": given}).count() == 0


async def test_a_value_of_no_such_type_is_refused(db: Database) -> None:
    await Beast.create()
    for field in ("id", "legs", "weight", "price", "born", "seen", "chip", "tame"):
        for lookups in ({field: "1 or so"}, {f"{field}__in": ["1 or so"]}):
            with pytest.raises(Invalid, match=rf"Beast\.{field} can't be looked up"):
                await Beast.where(**lookups)
    with pytest.raises(Invalid, match=r"Beast\.id can't be looked up"):
        await Beast.find("1 or so")  # MariaDB takes it for 1
    found = await Beast.find("1")
    assert found is not None
    assert found.id == 1


async def test_isnull_takes_true_or_false(db: Database) -> None:
    await Beast.create()
    assert await Beast.where(name__isnull=True, legs__isnull=True).count() == 1
    assert await Beast.where(name__isnull=False).count() == 0
    for value in ("false", None):
        with pytest.raises(UnknownName, match="takes True or False"):
            Beast.where(name__isnull=value)


@pytest.mark.parametrize("field", ["legs", "born", "tags", "print", "chip"])
async def test_only_texts_are_looked_into(db: Database, field: str) -> None:
    with pytest.raises(UnknownName, match=f"{field} is no text, and contains looks into texts"):
        Beast.where(**{f"{field}__contains": "1"})


async def test_a_field_of_booleans_is_a_condition(db: Database) -> None:
    await Beast.insert_all([{"name": "cat", "tame": True}, {"name": "lynx"}])
    assert await Beast.where(Beast.tame).pluck("name") == ["cat"]
    assert await Beast.where_not(Beast.tame).pluck("name") == ["lynx"]
    with pytest.raises(UnknownName, match="takes expressions"):
        Beast.where(Beast.name)


async def test_relations_are_looked_up_by_a_query(db: Database) -> None:
    ann, bea = await Keeper.create(name="ann"), await Keeper.create(name="bea")
    await Beast.create(name="cat", keeper=ann)
    await Beast.create(name="dog", keeper=bea)
    await Beast.create(name="fox")
    assert await Beast.where(keeper__in=Keeper.where(name="ann")).pluck("name") == ["cat"]
    assert await Keeper.where(beasts__in=Beast.where(name="dog")).pluck("name") == ["bea"]
    for others in ([ann], Keeper.where(name="ann")):
        found = await Beast.where(keeper__not_in=others).order("id").pluck("name")
        assert found == ["dog", "fox"]
    with pytest.raises(UnknownName, match="a list or a query of Keeper objects"):
        Beast.where(keeper__in=5)


async def test_a_limited_query_is_looked_in(db: Database) -> None:
    await Beast.insert_all([{"legs": number} for number in range(6)])
    some = Beast.order("-legs").offset(1).limit(2)
    assert await Beast.where(id__in=some).order("legs").pluck("legs") == [3, 4]
    assert await Beast.where(legs__in=some.select("legs")).count() == 2
    assert await Beast.where(id__in=some).delete_all() == 2


async def test_only_numbers_are_added_up(db: Database) -> None:
    await Beast.create(sleep=timedelta(hours=2), name="7")
    for field in ("sleep", "name", "seen"):
        for sum_ in (Beast.all().sum, Beast.all().avg):
            with pytest.raises(UnknownName, match=rf"Beast\.{field} holds none"):
                await sum_(field)
    assert await Beast.all().max("sleep") == timedelta(hours=2)


async def test_more_values_are_looked_for_than_postgresql_has_parameters(db: Database) -> None:
    await Beast.insert_all([{"legs": 4, "chip": UUID(int=7)}, {"legs": 70_001}, {"legs": None}])
    many = list(range(70_000))
    assert await Beast.where(legs__in=many).count() == len(await Beast.where(legs__in=many)) == 1
    assert await Beast.where(legs__in=[*many, None]).count() == 2
    assert await Beast.where(legs__not_in=many).count() == 2
    assert await Beast.where(legs__not_in=[*many, None]).pluck("legs") == [70_001]
    assert await Beast.where(chip__in=[UUID(int=number) for number in many]).count() == 1

"""Relations that lead over others: many and one, nested, read, looked up, and linked."""

from __future__ import annotations

import copy
import pickle
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event

from mizzen.orm import (
    ConfigurationError,
    Database,
    Field,
    Invalid,
    Model,
    ReadOnly,
    Related,
    Relationship,
)
from mizzen.orm.testing import scratch_models

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator

    from mizzen.orm._connections.direct import Answer, Prepared

with scratch_models() as MODELS:

    class Person(Model):
        name: str
        card: Card | None = Relationship(back_populates="person")
        bank: Bank | None = Relationship(through="card")
        memberships: list[Membership] = Relationship(back_populates="person")
        groups: Related[Group] = Relationship(through="memberships")
        events: Related[Event] = Relationship(through="groups.events")
        mates: Related[Person] = Relationship(through="groups.people")

    class Bank(Model):
        name: str

    class Card(Model):
        person_id: int = Field(foreign_key="persons.id")
        bank_id: int = Field(foreign_key="banks.id")
        person: Person = Relationship(back_populates="card")
        bank: Bank = Relationship()

    class Group(Model):
        name: str
        memberships: list[Membership] = Relationship(back_populates="group")
        people: Related[Person] = Relationship(through="memberships.person")
        events: list[Event] = Relationship(back_populates="group")

    class Membership(Model):
        role: str = "member"
        person_id: int = Field(foreign_key="persons.id", ondelete="CASCADE")
        group_id: int = Field(foreign_key="groups.id", ondelete="CASCADE")
        person: Person = Relationship(back_populates="memberships")
        group: Group = Relationship(back_populates="memberships")

    class Event(Model):
        title: str
        group_id: int = Field(foreign_key="groups.id")
        group: Group = Relationship(back_populates="events")
        guests: list[Person] = Relationship(through="group.people")


@pytest.fixture
async def db(database_url: str, anyio_backend: object) -> AsyncGenerator[Database]:
    with MODELS:
        async with Database(database_url) as database:
            await database.create_all()
            yield database


@pytest.fixture
def reads(db: Database) -> Generator[list[str]]:
    """Give the SELECTs that are sent, whichever way."""
    seen: list[str] = []
    direct = loose(db.driver).direct
    read = direct.read

    async def counted(statement: Prepared) -> Answer:
        seen.append(statement.sql)
        answer: Answer = await read(statement)
        return answer

    def remember(*call: object) -> None:
        if str(call[2]).lstrip().startswith("SELECT"):
            seen.append(str(call[2]))

    direct.read = counted
    event.listen(db.reader.sync_engine, "before_cursor_execute", remember)
    yield seen
    event.remove(db.reader.sync_engine, "before_cursor_execute", remember)
    direct.read = read


def loose(value: object) -> Any:
    """Return *value* for the checkers to leave alone: awaiting `Author | None` is beyond them."""
    return value


@pytest.fixture
async def people(db: Database) -> tuple[Person, Person]:
    ann, bea = await Person.create(name="ann"), await Person.create(name="bea")
    chess, choir = await Group.create(name="chess"), await Group.create(name="choir")
    for person, group in ((ann, chess), (ann, choir), (bea, choir)):
        await Membership.create(person=person, group=group)
    await Event.create(title="blitz", group=chess)
    await Event.create(title="concert", group=choir)
    await Card.create(person=ann, bank=await Bank.create(name="first"))
    return ann, bea


def names(rows: Any) -> list[str]:
    return sorted(row.name for row in rows)


@pytest.mark.usefixtures("people")
async def test_through_is_included(reads: list[str]) -> None:
    found = await Person.order("name").include("groups")
    assert [names(person.groups) for person in found] == [["chess", "choir"], ["choir"]]
    assert len(reads) == 2


@pytest.mark.usefixtures("people")
async def test_one_lazy_access_loads_it_for_every_sibling(reads: list[str]) -> None:
    found = await Person.order("name")
    assert [names(await person.groups) for person in found] == [["chess", "choir"], ["choir"]]
    assert len(reads) == 2


@pytest.mark.usefixtures("people")
async def test_one_row_through_one_row(db: Database) -> None:
    ann, bea = await Person.order("name")
    assert (await loose(ann).bank).name == "first"
    assert await loose(bea).bank is None
    ann, bea = await Person.order("name").include("bank")
    assert (ann.bank, bea.bank) == (await Bank.get(1), None)


@pytest.mark.usefixtures("people")
async def test_chains_go_over_chains(db: Database) -> None:
    ann, bea = await Person.order("name").include("events", "mates")
    assert sorted(event.title for event in ann.events) == ["blitz", "concert"]
    assert [event.title for event in bea.events] == ["concert"]
    assert names(ann.mates) == ["ann", "bea"]
    blitz = await Event.find_by(title="blitz")
    assert names(await loose(blitz).guests) == ["ann"]


@pytest.mark.usefixtures("people")
async def test_includes_go_on_behind_it(db: Database) -> None:
    (bea,) = await Person.where(name="bea").include("groups.events", "groups.people")
    (choir,) = bea.groups
    assert [event.title for event in choir.events] == ["concert"]
    assert names(choir.people) == ["ann", "bea"]


@pytest.mark.usefixtures("people")
async def test_lookups_and_joins_go_over_it(db: Database) -> None:
    assert names(await Person.where(groups__name="chess")) == ["ann"]
    assert names(await Person.where(groups__events__title="concert")) == ["ann", "bea"]
    assert names(await Person.where(bank__name="first")) == ["ann"]
    assert names(await Person.where(bank__isnull=True)) == ["bea"]
    chess = await Group.find_by(name="chess")
    assert names(await Person.where(groups=chess)) == ["ann"]
    assert names(await Person.join("groups").where(Group.name == "choir")) == ["ann", "bea"]


async def test_a_row_that_is_reached_twice_comes_once(
    db: Database, people: tuple[Person, Person]
) -> None:
    ann, _ = people
    chess = await Group.find_by(name="chess")
    await Membership.create(person=ann, group=chess, role="chair")
    (found,) = await Person.where(name="ann").include("groups")
    assert names(found.groups) == ["chess", "choir"]
    assert names(await (await Person.get(ann.id)).groups) == ["chess", "choir"]


async def test_in_a_transaction_its_own_writes_are_seen(
    db: Database, people: tuple[Person, Person]
) -> None:
    async with db.transaction():
        group = await Group.create(name="new")
        await Membership.create(person=people[1], group=group)
        assert "new" in names(await (await Person.get(people[1].id)).groups)
        found = (await Person.where(name="bea").include("groups"))[0]
        assert names(found.groups) == ["choir", "new"]


async def test_links_are_added_and_taken_away(db: Database, people: tuple[Person, Person]) -> None:
    bea = await Person.get(people[1].id)
    chess, choir = await Group.order("name")
    await bea.groups.add(chess, choir)
    assert await Membership.where(person=bea).count() == 2
    assert names(await bea.groups.where(name__startswith="che")) == ["chess"]
    loaded = await bea.groups
    await loaded.discard(choir)
    assert names(loaded) == ["chess"]
    await loaded.replace([choir])
    assert names(loaded) == names(await (await Person.get(bea.id)).groups) == ["choir"]
    made = await bea.groups.create(name="dance")
    assert names(await made.people) == ["bea"]


async def test_what_is_more_than_a_link_is_read_only(
    db: Database, people: tuple[Person, Person]
) -> None:
    ann, _ = people
    concert = await Event.find_by(title="concert")
    assert concert is not None
    with pytest.raises(ConfigurationError, match=r"read through groups\.events, which is more"):
        await ann.events.add(concert)


@pytest.mark.usefixtures("people")
async def test_it_cannot_be_assigned_nor_changed_as_a_list(db: Database) -> None:
    group = await Group.create(name="x")
    (bea,) = await Person.where(name="bea").include("groups")
    with pytest.raises(Invalid, match="groups: is read through memberships"):
        bea.groups = Related([group])
    with pytest.raises(Invalid, match="read through"):
        Person(name="new", groups=Related([group]))
    with pytest.raises(Invalid, match="read through"):
        await bea.update(bank=None)
    changes: list[Callable[[], object]] = [
        lambda: bea.groups.append(group),
        lambda: bea.groups.remove(bea.groups[0]),
        lambda: bea.groups.clear(),
        lambda: bea.groups.__setitem__(0, group),
    ]
    for change in changes:
        with pytest.raises(ReadOnly, match="read through other relations"):
            change()
    assert names(bea.groups) == ["choir"]


@pytest.mark.usefixtures("people")
async def test_what_is_loaded_can_be_copied_and_pickled(db: Database) -> None:
    (bea,) = await Person.where(name="bea").include("groups.people.groups")
    again = pickle.loads(pickle.dumps(bea))
    assert names(again.groups) == ["choir"]
    assert again == bea
    assert names(copy.copy(bea.groups)) == ["choir"]
    await again.update(name="bee")
    assert (await Person.get(bea.id)).name == "bee"


@pytest.mark.parametrize(
    ("through", "said"),
    [
        ("nothing", "Wrong has no relation 'nothing' to go over; its relations are kind"),
        ("kind", "leads to Kind, not over other rows"),
        ("wrongs", "Wrong has no relation 'wrongs' to go over"),
    ],
)
async def test_a_way_that_leads_nowhere_is_said(through: str, said: str) -> None:
    with scratch_models():

        class Kind(Model):
            name: str

        class Wrong(Model):
            kind_id: int | None = Field(default=None, foreign_key="kinds.id")
            kind: Kind | None = Relationship()
            wrongs: list[Kind] = Relationship(through=through)

        with pytest.raises(ConfigurationError, match=said):
            Wrong.include("wrongs")


async def test_a_way_with_several_ends_has_to_be_named() -> None:
    with scratch_models():

        class Town(Model):
            name: str

        class Trip(Model):
            rider_id: int = Field(foreign_key="riders.id")
            start_id: int = Field(foreign_key="towns.id")
            end_id: int = Field(foreign_key="towns.id")
            start: Town = Relationship(foreign_key="start_id")
            end: Town = Relationship(foreign_key="end_id")

        class Rider(Model):
            trips: list[Trip] = Relationship()
            towns: list[Town] = Relationship(through="trips")
            ends: list[Town] = Relationship(through="trips.end")

        with pytest.raises(ConfigurationError, match=r"several relations to Town \(start, end\)"):
            Rider.include("towns")


def test_options_that_contradict_are_refused() -> None:
    with scratch_models():
        for options in (
            {"through": "a", "back_populates": "b"},
            {"through": "a", "as_": "b"},
            {"through": "a", "dependent": "destroy"},
            {"dependent": "vanish"},
            {"counter_cache": "n"},
            {"polymorphic": True},
        ):
            with pytest.raises(ConfigurationError, match=r"_Bad\.others: "):

                class _Bad(Model):  # pyright: ignore[reportUnusedClass]
                    others: list[Person] = Relationship(**loose(options))


async def test_any_model_on_the_way_can_be_defined_again() -> None:
    with scratch_models():
        bodies = {
            "Rower": "    seats: list['Place'] = Relationship(back_populates='rower')\n"
            "    boats: Related['Boat'] = Relationship(through='seats')\n",
            "Place": "    rower_id: int = Field(foreign_key='rowers.id')\n"
            "    boat_id: int = Field(foreign_key='boats.id')\n"
            "    rower: 'Rower' = Relationship(back_populates='seats')\n"
            "    boat: 'Boat' = Relationship()\n",
            "Boat": "    name: str = 'b'\n",
        }
        scope: dict[str, Any] = {**globals()}
        for name in (*bodies, *bodies, "Place", "Boat", "Rower"):
            exec(f"class {name}(Model):\n{bodies[name]}", scope)
        async with Database("memory:") as db:
            await db.create_all()
            rower = await scope["Rower"].create()
            await rower.boats.create(name="x")
            (found,) = await scope["Rower"].all().include("boats")
            assert names(found.boats) == names(await rower.boats.where()) == ["x"]

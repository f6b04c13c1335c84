"""Soft delete and tenants together with chains, link tables, counters and dependents."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import pytest

from mizzen.orm import (
    Database,
    Field,
    Model,
    NoTenant,
    Relationship,
    SoftDelete,
    TenantKey,
    all_tenants,
    tenant,
)
from mizzen.orm.testing import scratch_models

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

MODELS = scratch_models()

with MODELS:

    class Firm(SoftDelete, Model):
        name: str
        jobs_count: int = 0
        jobs: list[Job] = Relationship(back_populates="firm", dependent="delete")
        workers: list[Worker] = Relationship(through="jobs")

    class Worker(SoftDelete, Model):
        name: str
        jobs: list[Job] = Relationship(back_populates="worker", dependent="destroy")
        firms: list[Firm] = Relationship(through="jobs")

    class Job(SoftDelete, Model):
        worker_id: int | None = Field(default=None, foreign_key="workers.id", ondelete="CASCADE")
        firm_id: int | None = Field(default=None, foreign_key="firms.id", ondelete="CASCADE")
        worker: Worker | None = Relationship(back_populates="jobs")
        firm: Firm | None = Relationship(back_populates="jobs", counter_cache="jobs_count")

    class Bond(Model):
        account_id: int = TenantKey()
        team_id: int | None = Field(default=None, foreign_key="teams.id", primary_key=True)
        player_id: int | None = Field(default=None, foreign_key="players.id", primary_key=True)

    class Team(Model):
        account_id: int = TenantKey()
        name: str
        players: list[Player] = Relationship(back_populates="teams", link_model=Bond)

    class Player(SoftDelete, Model):
        account_id: int = TenantKey()
        name: str
        teams: list[Team] = Relationship(back_populates="players", link_model=Bond)


@pytest.fixture
async def db(database_url: str, anyio_backend: object) -> AsyncGenerator[Database]:
    with MODELS:
        async with Database(database_url) as database:
            await database.create_all()
            yield database


def loose(value: Any) -> Any:
    return value


def names(rows: Any) -> list[str]:
    return sorted(row.name for row in rows)


async def jobs() -> tuple[Worker, Firm]:
    """Return ann, who works at f and g, and the firm f, where bea works, too."""
    ann, bea = await Worker.create(name="ann"), await Worker.create(name="bea")
    first, second = await Firm.create(name="f"), await Firm.create(name="g")
    for worker, firm in ((ann, first), (ann, second), (bea, first)):
        await Job.create(worker_id=worker.id, firm_id=firm.id)
    return ann, first


async def test_a_chain_does_not_lead_over_destroyed_rows(db: Database) -> None:
    ann, firm = await jobs()
    (job,) = await Job.where(worker_id=ann.id, firm_id=firm.id)
    await job.destroy()
    assert names(await loose((await Worker.get(ann.id)).firms)) == ["g"]
    found = await Worker.order("id").include("firms")
    assert [names(each.firms) for each in found] == [["g"], ["f"]]
    assert await Worker.where(firms__name="f").pluck("name") == ["bea"]
    async with db.transaction():
        found = await Worker.order("id").include("firms")
        assert [names(each.firms) for each in found] == [["g"], ["f"]]
        assert await Worker.join("firms").count() == 2


async def test_dependents_and_counters_follow_both_ways(db: Database) -> None:
    ann, firm = await jobs()
    seen: list[tuple[str, str]] = []
    with db.on_change(lambda change: seen.append((change.model.__name__, change.action))):
        await ann.destroy()
        assert seen == [("Job", "destroy"), ("Job", "destroy"), ("Worker", "destroy")]
        assert (await Firm.get(firm.id)).jobs_count == 1
        await ann.restore()
        assert await Job.count() == 3
        assert (await Firm.get(firm.id)).jobs_count == 2
    await firm.destroy()  # dependent="delete": one statement
    assert await Job.count() == 1
    await firm.restore()
    assert await Job.count() == 3


async def test_a_link_table_of_tenants(db: Database) -> None:
    with tenant(1):
        team = await Team.create(name="red", players=[Player(name="ann"), Player(name="bea")])
        assert await Bond.order("player_id").pluck("account_id") == [1, 1]
        await (await Player.find_by(name="bea") or team).destroy()
        assert [names(each.players) for each in await Team.all().include("players")] == [["ann"]]
        assert names(await loose((await Team.get(team.id)).players)) == ["ann"]
        assert await Team.where(players__name="bea").count() == 0
        assert await Player.with_deleted().count() == 2
    with tenant(2):
        assert await Player.with_deleted().count() == 0
        assert await Player.only_deleted().delete_all(hard=True) == 0
        assert await Player.with_deleted().find(1) is None
    with pytest.raises(NoTenant):
        await Player.with_deleted().get(1)
    with all_tenants():
        assert await Player.with_deleted().count() == 2


async def test_objects_of_a_session_are_pickled(db: Database) -> None:
    ann, _ = await jobs()
    async with db.transaction():
        held = await Worker.get(ann.id)
        copied = pickle.loads(pickle.dumps(held))
    assert copied == held
    assert (await copied.reload()).name == "ann"
    await copied.destroy()
    assert await Worker.count() == 1


async def test_a_model_defined_again_keeps_its_conditions(db: Database) -> None:
    def define() -> type[Any]:
        class Mug(SoftDelete, Model):
            account_id: int = TenantKey()
            name: str = Field(unique=True)

        return Mug

    define()
    mug = define()
    await db.create_all()
    with tenant(1):
        first = await mug.create(name="a")
        await first.destroy()
        await mug.create(name="a")
        assert await mug.count() == 1
    with tenant(2):
        assert await mug.count() == 0


async def test_heirs_have_the_conditions_of_their_family(db: Database) -> None:
    class Vessel(SoftDelete, Model, discriminator="kind"):
        account_id: int = TenantKey()
        name: str = Field(unique=True)

    class Boat(Vessel):
        sails: int = 0

    class Ship(Vessel, joined=True):
        masts: int = 0

    await db.create_all()
    with tenant(1):
        ship = await Ship.create(name="s", masts=1)
        await ship.destroy()
        assert await Ship.find(ship.id) is None
        assert await Ship.create(name="s") != ship
        assert await Ship.with_deleted().count() == 2
        assert await Ship.where(masts=0).count() == 1
        await (await Ship.all().one()).destroy(hard=True)
        boat = await Boat.create(name="a", sails=1)
        await Vessel.create(name="b")
        await boat.destroy()
        assert (await Boat.count(), await Vessel.count()) == (0, 1)
        assert await Boat.with_deleted().count() == 1
        await boat.restore()
        assert await Vessel.order("name").pluck("name") == ["a", "b"]
    with tenant(2):
        assert (await Boat.count(), await Ship.with_deleted().count()) == (0, 0)
        assert await Boat.find(boat.id) is None


def test_the_sync_facade_marks_and_restores() -> None:
    with MODELS, Database("memory:").sync as s:
        s.create_all()
        worker = s(Worker).create(name="ann")
        s(worker).destroy()
        assert (s(Worker).count(), s(Worker).with_deleted().count()) == (0, 1)
        s(worker).restore()
        assert s(Worker).count() == 1
        s(worker).destroy(hard=True)
        assert s(Worker).with_deleted().delete_all(hard=True) == 0

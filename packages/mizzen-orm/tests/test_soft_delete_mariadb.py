"""Soft delete and tenants on MariaDB, which has no partial indexes and no RETURNING for all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mizzen.orm import (
    ConfigurationError,
    Database,
    Field,
    Model,
    NotFound,
    NotUnique,
    Relationship,
    SoftDelete,
    TenantKey,
    WrongTenant,
    all_tenants,
    tenant,
)
from mizzen.orm.testing import scratch_models

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

pytestmark = pytest.mark.extra("asyncmy")
MODELS, UNIQUE = scratch_models(), scratch_models()

with MODELS:

    class Crate(SoftDelete, Model):
        name: str = Field(max_length=40)
        jars: list[Jar] = Relationship(back_populates="crate", cascade_delete=True)

    class Jar(SoftDelete, Model):
        crate_id: int | None = Field(default=None, foreign_key="crates.id", ondelete="CASCADE")
        crate: Crate | None = Relationship(back_populates="jars")

    class Ticket(Model):
        account_id: int = TenantKey()
        title: str = Field(max_length=40)


with UNIQUE:

    class Label(SoftDelete, Model):
        name: str = Field(max_length=40, unique=True)


@pytest.fixture
async def db(mariadb_url: str, anyio_backend: object) -> AsyncGenerator[Database]:
    with MODELS:
        async with Database(mariadb_url, timeout="20s") as database:
            await database.create_all()
            yield database


async def test_rows_are_marked_and_come_back_together(db: Database) -> None:
    crate = await Crate.create(name="a")
    await Jar.insert_all([{"crate_id": crate.id}] * 2)
    await crate.destroy()
    assert (await Crate.count(), await Jar.count()) == (0, 0)
    with pytest.raises(NotFound):
        await Crate.get(crate.id)
    again = await Crate.with_deleted().get(crate.id)
    await again.restore()
    assert (await Crate.count(), await Jar.count()) == (1, 2)
    assert await Jar.all().limit(1).delete_all() == 1
    assert await Jar.only_deleted().delete_all(hard=True) == 1
    assert await Jar.with_deleted().count() == 1


async def test_unique_fields_are_refused(db: Database, tmp_path: Path) -> None:
    with UNIQUE:
        with pytest.raises(ConfigurationError, match="partial indexes"):
            await db.create_all()
        with pytest.raises(ConfigurationError, match="partial indexes"):
            await db.migrations(tmp_path).make("first")


async def test_tenants_are_kept_apart(db: Database) -> None:
    with tenant(1):
        ticket = await Ticket.create(title="a")
        await Ticket.insert_all([{"title": "b"}, {"title": "c"}])
        assert await Ticket.order("id").pluck("title") == ["a", "b", "c"]
    with tenant(2):
        assert await Ticket.count() == 0
        assert await Ticket.where(title="a").update_all(title="x") == 0
        assert await Ticket.all().limit(2).delete_all() == 0
        with pytest.raises(WrongTenant):
            await Ticket.insert_all([{"title": "d", "account_id": 1}])
        with pytest.raises(WrongTenant):
            await ticket.update(title="x")
    with all_tenants():
        assert await Ticket.count() == 3


async def test_upserts_change_no_hidden_row(db: Database) -> None:
    crate = await Crate.create(name="a")
    await crate.destroy()
    with pytest.raises(NotUnique, match="deleted"):
        await Crate.upsert_all([{"id": crate.id, "name": "mine"}], on=["id"])
    with tenant(1):
        ticket = await Ticket.create(title="a")
    with tenant(2):
        with pytest.raises(NotUnique, match="another tenant"):
            await Ticket.upsert_all([{"id": ticket.id, "title": "mine"}], on=["id"])
        assert await Ticket.all().insert_all([{"id": ticket.id, "title": "b"}], ignore=True) == []
    assert await Crate.only_deleted().pluck("name") == ["a"]
    with all_tenants():
        assert await Ticket.all().pluck("account_id", "title") == [(1, "a")]

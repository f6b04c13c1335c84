"""Every kind of field of this package: after `up` nothing is left to make, and files stay plain."""

from __future__ import annotations

import datetime  # noqa: TC003  (models need it)
import enum
from typing import TYPE_CHECKING, Annotated, Any, Literal

import anyio
import pytest
from pydantic import BaseModel

from mizzen.orm import (
    ByValue,
    Database,
    Encrypted,
    Field,
    Generated,
    Model,
    Normalize,
    SearchIndex,
    SoftDelete,
    TenantKey,
    Timestamps,
)
from mizzen.orm.testing import scratch_models

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

SERVERS = {"postgresql": "postgres_url", "mariadb": "mariadb_url"}


class Status(enum.Enum):
    DRAFT = "draft"
    OUT = "out now"


class Theme(BaseModel):
    color: str = "red"


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
async def db(request: pytest.FixtureRequest, anyio_backend: object) -> AsyncGenerator[Database]:
    server = SERVERS.get(request.param)
    async with Database(request.getfixturevalue(server) if server else "memory:") as database:
        with scratch_models():
            yield database


def define(*, unique: bool) -> Any:
    class Maker(Timestamps, Model):
        name: Annotated[str, Normalize(str.strip)] = Field(unique=True, max_length=40)

    class Thing(Timestamps, SoftDelete, Model):
        org: Annotated[int, TenantKey()]
        # Where soft deletion needs an index with a condition, MariaDB has none.
        code: str = Field(default="", unique=unique, max_length=40)
        secret: Annotated[str | None, Encrypted()] = None
        stored: Annotated[Status, ByValue()] = Status.DRAFT
        named: Status = Status.DRAFT
        kind: Literal["a", "b"] = "a"
        theme: Theme = Theme()
        width: int = 2
        area: Annotated[int | None, Generated("width * width")] = None
        day: datetime.date | None = None
        lock_version: int = 1
        maker_id: int | None = Field(default=None, foreign_key="makers.id", ondelete="SET NULL")
        search = SearchIndex("code")

    return Maker, Thing


async def test_nothing_is_left_to_make_and_the_file_is_plain(db: Database, tmp_path: Path) -> None:
    define(unique=db.engine.dialect.name not in {"mysql", "mariadb"})
    migrations = db.migrations(tmp_path / "m")
    made = await migrations.make("first")
    assert made is not None
    source = await anyio.Path(made).read_text()
    # A file outlives the code of the day.
    assert "mizzen" not in source
    await migrations.up()
    assert await migrations.changes() == []
    assert await migrations.make("nothing") is None
    first = [table for table in await db.meta.tables() if table.name != "mizzen_migration"]
    await migrations.redo()
    again = [table for table in await db.meta.tables() if table.name != "mizzen_migration"]
    assert again == first
    assert await migrations.changes() == []


async def test_tables_of_create_all_are_what_migrations_want(db: Database, tmp_path: Path) -> None:
    define(unique=db.engine.dialect.name not in {"mysql", "mariadb"})
    await db.create_all()
    assert await db.migrations(tmp_path / "m").changes() == []

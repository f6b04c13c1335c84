"""The dry run: a script that does what `up` would do, and nothing done."""

from __future__ import annotations

import re
import sqlite3
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from mizzen.orm import ConfigurationError, Database, Field, MigrationFailed, Model, SearchIndex
from mizzen.orm.testing import scratch_models

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator
    from pathlib import Path

FIRST = """
class Owner(Model):
    name: str = Field(unique=True)
class Note(Model):
    title: str = Field(index=True)
    body: str = "it's 100% :x"
    owner_id: int | None = Field(default=None, foreign_key="owners.id")
    search = SearchIndex("title")
"""
SIZED = (
    FIRST.replace("unique=True", "unique=True, max_length=90")
    .replace("index=True", "index=True, max_length=90")
    .replace('body: str = "it\'s 100% :x"', "body: str = Field('', max_length=90)")
)
SECOND = FIRST.replace('body: str = "it\'s 100% :x"', "body: str | None = None\n    stars: int = 3")


def define(source: str) -> None:
    names: dict[str, Any] = {"Model": Model, "Field": Field, "SearchIndex": SearchIndex}
    exec(compile(source, "cells", "exec", dont_inherit=True), {**names, "__name__": "cells"})


@pytest.fixture(autouse=True)
def nothing_known() -> Generator[None]:
    with scratch_models():
        yield


@pytest.fixture
async def db(database_url: str, anyio_backend: object) -> AsyncGenerator[Database]:
    async with Database(database_url) as database:
        yield database


async def schema(db: Database) -> list[Any]:
    return [table for table in await db.meta.tables() if "_search" not in table.name]


async def run(db: Database, script: str) -> None:
    """Send a whole script, as a database's own client would."""

    def send() -> None:
        engine = db.driver.migrator()
        raw = engine.raw_connection()
        connection: Any = raw.driver_connection
        if isinstance(connection, sqlite3.Connection):
            connection.executescript(script)
        else:
            connection.autocommit = True
            connection.execute(script)
        raw.detach()
        raw.close()
        engine.dispose()

    await anyio.to_thread.run_sync(send)


async def test_the_script_does_what_up_and_down_do(db: Database, tmp_path: Path) -> None:
    migrations = db.migrations(tmp_path / "m")
    define(FIRST)
    await migrations.make("first")
    await migrations.up()
    define(SECOND)
    await migrations.make("second")
    before = await schema(db)
    up = await migrations.sql()
    assert await schema(db) == before
    assert [step.applied for step in await migrations.status()] == [True, False]
    await run(db, up)
    assert [step.state for step in await migrations.status()] == ["applied", "applied"]
    assert await migrations.changes() == []
    by_script = await schema(db)
    await run(db, await migrations.sql("down"))
    assert [step.applied for step in await migrations.status()] == [True, False]
    assert await schema(db) == before
    await migrations.up()
    assert await schema(db) == by_script
    assert await migrations.sql() == ""


async def test_the_script_of_the_first_step_makes_the_bookkeeping(
    db: Database, tmp_path: Path
) -> None:
    migrations = db.migrations(tmp_path / "m")
    define(FIRST)
    await migrations.make("first")
    script = await migrations.sql()
    assert await db.meta.tables() == []
    await run(db, script)
    assert await migrations.up() == []
    assert await migrations.changes() == []


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql", "mysql"])
async def test_any_dialect_is_written_without_a_database(dialect: str, tmp_path: Path) -> None:
    async with Database() as db:
        define(SIZED)
        migrations = db.migrations(tmp_path / "m")
        await migrations.make("first")
        up = await migrations.sql(dialect=dialect)
        assert "CREATE TABLE owners" in up
        assert re.search(r"INSERT INTO [`]?mizzen_migration", up)
        assert ("BEGIN;" in up) == (dialect != "mysql")
        down = await migrations.sql("down", dialect=dialect)
        assert "DROP TABLE owners" in down
        with pytest.raises(ConfigurationError, match="oracle"):
            await migrations.sql(dialect="oracle")


async def test_what_a_dialect_can_not_say_is_named(tmp_path: Path) -> None:
    async with Database() as db:
        define(FIRST)
        migrations = db.migrations(tmp_path / "m")
        made = await migrations.make("first")
        assert made is not None
        with pytest.raises(MigrationFailed, match=rf"{made.name} can't be mysql: .*owners.*length"):
            await migrations.sql(dialect="mysql")


async def test_data_functions_are_named_and_not_run(tmp_path: Path) -> None:
    async with Database() as db:
        migrations = db.migrations(tmp_path / "m")
        made = await migrations.make("move", data=True)
        assert made is not None
        path = anyio.Path(made)
        source = (await path.read_text()).replace(
            "    # for rows", "    raise RuntimeError('reached')\n    # for rows"
        )
        await path.write_text(source)
        assert f"-- upgrade_data() of {made.name} runs here" in await migrations.sql()

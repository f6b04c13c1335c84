"""Migrations where nothing takes a change of the schema back: MariaDB (and MySQL)."""

from __future__ import annotations

import enum
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from mizzen.orm import Database, Field, MigrationFailed, Model, SearchIndex
from mizzen.orm.testing import scratch_models

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator
    from pathlib import Path

    from mizzen.orm._migrations.migrations import Migrations

pytestmark = pytest.mark.extra("asyncmy")

FIRST = """
class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"
class Owner(Model):
    name: str = Field(unique=True, max_length=40)
class Note(Model):
    title: str = Field(max_length=40, index=True)
    body: str = Field("it's 100% :x", max_length=90)
    colour: Colour = Colour.RED
    owner_id: int | None = Field(default=None, foreign_key="owners.id", ondelete="CASCADE")
    search = SearchIndex("title")
"""
SECOND = (
    FIRST.replace("title", "headline")
    .replace('RED = "red"', 'RED = "red"; GREEN = "green"')
    .replace('"it\'s 100% :x", max_length=90', '"", max_length=200')
    .replace("body", "stars: int = 7\n    body")
)
TWO_TABLES = """
import os, signal
import sqlalchemy as sa
from alembic import op
revision = "1"
down_revision = None
def upgrade():
    op.create_table("a", sa.Column("id", sa.Integer(), primary_key=True))
    op.create_table("b", sa.Column("id", sa.Integer(), primary_key=True))
    {more}
def downgrade():
    op.drop_table("b")
    op.drop_table("a")
"""
UP = """
import asyncio, sys
from mizzen.orm import Database
async def main():
    async with Database(sys.argv[1]) as db:
        print(len(await db.migrations(sys.argv[2]).up()))
asyncio.run(main())
"""


@pytest.fixture(autouse=True)
def nothing_known() -> Generator[None]:
    with scratch_models():
        yield


@pytest.fixture
async def db(mariadb_url: str, anyio_backend: object) -> AsyncGenerator[Database]:
    async with Database(mariadb_url) as database:
        yield database


@pytest.fixture
def migrations(db: Database, tmp_path: Path) -> Migrations:
    return db.migrations(tmp_path / "m")


def define(source: str) -> dict[str, Any]:
    names: dict[str, Any] = {"Model": Model, "Field": Field, "SearchIndex": SearchIndex}
    names |= {"enum": enum, "__name__": "cells"}
    exec(compile(source, "cells", "exec", dont_inherit=True), names)
    return names


def write(tmp_path: Path, source: str) -> Path:
    path = tmp_path / "m" / "1_step.py"
    path.parent.mkdir(exist_ok=True)
    path.write_text(source)
    return path


async def tables(db: Database) -> set[str]:
    return {table.name for table in await db.meta.tables()} - {"mizzen_migration"}


async def schema(db: Database) -> list[Any]:
    return [table for table in await db.meta.tables() if table.name != "mizzen_migration"]


async def test_there_and_back_again(db: Database, migrations: Migrations) -> None:
    names = define(FIRST)
    assert await migrations.make("first") is not None
    await migrations.up()
    assert await migrations.changes() == []
    owner = await names["Owner"].create(name="ann")
    await names["Note"].create(title="alpha", owner_id=owner.id)
    first = await schema(db)
    names = define(SECOND)
    asked = {"notes.title": "notes.headline"}
    # Renames come in a file of their own: here they can't be tried out beforehand.
    for message in ("renames", "others"):
        assert await migrations.make(message, renames=asked) is not None
        await migrations.up()
        asked = {}
    assert await migrations.changes() == []
    (note,) = await names["Note"].matching("alpha")
    assert (note.headline, note.stars, note.body) == ("alpha", 7, "it's 100% :x")
    second = await schema(db)
    assert len(await migrations.down(2)) == 2
    assert await schema(db) == first
    assert len(await migrations.up()) == 2
    assert await schema(db) == second
    await migrations.down(None)
    assert await tables(db) == set()


async def test_a_value_that_rows_have_is_never_lost(db: Database, migrations: Migrations) -> None:
    names = define(FIRST)
    await migrations.make("first")
    await migrations.up()
    await names["Note"].create(title="alpha", colour=names["Colour"].BLUE)
    names = define(FIRST.replace('    BLUE = "blue"\n', ""))
    await migrations.make("second")
    with pytest.raises(MigrationFailed, match=r"1 rows of notes\.colour still hold BLUE"):
        await migrations.up()
    assert [step.state for step in await migrations.status()] == ["applied", "pending"]
    await names["Note"].all().update_all(colour=names["Colour"].RED)
    await migrations.up()
    assert await migrations.changes() == []


async def test_a_step_that_fails_midway_is_settled_by_hand(
    db: Database, migrations: Migrations, tmp_path: Path
) -> None:
    path = write(tmp_path, TWO_TABLES.format(more="op.drop_table('nope')"))
    with pytest.raises(MigrationFailed, match=r"1_step.py stopped at its statement 3 .*nope"):
        await migrations.up()
    (step,) = await migrations.status()
    assert (step.applied, step.state) == (False, "stopped")
    with pytest.raises(MigrationFailed, match="can't take back what came before"):
        await migrations.up()
    await db.meta.drop_table("a")
    await db.meta.drop_table("b")
    await migrations.resolve("1", applied=False)
    path.write_text(TWO_TABLES.format(more="pass"))
    assert len(await migrations.up()) == 1
    assert await tables(db) == {"a", "b"}


async def test_a_killed_step_says_where_it_was(
    db: Database, migrations: Migrations, mariadb_url: str, tmp_path: Path
) -> None:
    write(tmp_path, TWO_TABLES.format(more="os.kill(os.getpid(), signal.SIGKILL)"))

    def killed() -> int:
        command = [sys.executable, "-c", UP, mariadb_url, str(tmp_path / "m")]
        return subprocess.run(command, check=False, timeout=60).returncode

    assert await anyio.to_thread.run_sync(killed) == -9
    (step,) = await migrations.status()
    assert step.state == "stopped"
    assert "statement 2 (CREATE TABLE b" in step.note
    assert await tables(db) == {"a", "b"}
    await migrations.resolve("1", applied=True)
    assert await migrations.up() == []
    assert [each.state for each in await migrations.status()] == ["applied"]


async def test_two_processes_apply_once(
    db: Database, migrations: Migrations, mariadb_url: str, tmp_path: Path
) -> None:
    write(tmp_path, TWO_TABLES.format(more="import time; time.sleep(0.5)"))
    command = [sys.executable, "-c", UP, mariadb_url, str(tmp_path / "m")]
    children = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: ASYNC220  (waited for)
        for _ in range(2)
    ]
    said = [await anyio.to_thread.run_sync(child.communicate) for child in children]
    assert sorted(out for out, _ in said) == ["0\n", "1\n"]
    assert [step.state for step in await migrations.status()] == ["applied"]

"""Migrations: made from models, applied once, all or nothing."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import inspect, text

from mizzen.orm import Database, Field, MigrationFailed, Model, Relationship, SearchIndex
from mizzen.orm.testing import scratch_models

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

FIRST = """
class Owner(Model):
    name: str = Field(unique=True)
class Note(Model):
    id: str = Field(primary_key=True)
    title: str
    body: str = ""
    owner_id: int | None = Field(default=None, foreign_key="owners.id", ondelete="CASCADE")
    owner: Owner | None = Relationship()
    search = SearchIndex("title")
"""
SECOND = """
class Note(Model):
    id: str = Field(primary_key=True)
    title: str = Field(max_length=200)
    body: str | None = None
    stars: int = 7
    owner_id: int | None = Field(default=None, foreign_key="owners.id", ondelete="SET NULL")
    search = SearchIndex("title", "body")
"""


class Cells:
    """A notebook in small: cells that define models."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {
            "Model": Model,
            "Field": Field,
            "Relationship": Relationship,
            "SearchIndex": SearchIndex,
            "__name__": "cells",
        }

    def run(self, cell: str) -> None:
        exec(cell, self.names)

    def __getattr__(self, name: str) -> Any:
        return self.names[name]


@pytest.fixture
def cells() -> Generator[Cells]:
    with scratch_models():
        made = Cells()
        made.run(FIRST)
        yield made


class EveryDatabase:
    @pytest.fixture
    async def db(self, url: str, anyio_backend: object) -> Any:
        async with Database(url) as database:
            yield database

    async def test_after_up_nothing_is_left_to_make(
        self, db: Database, cells: Cells, tmp_path: Path
    ) -> None:
        migrations = db.migrations(tmp_path / "m")
        made = await migrations.make("First tables")
        assert made is not None
        assert made.name.endswith("_first_tables.py")
        assert [found.applied for found in await migrations.status()] == [False]
        assert len(await migrations.up()) == 1
        assert await migrations.up() == []
        assert await migrations.changes() == []
        assert await migrations.make("nothing") is None
        await cells.Note.create(id="a", title="hello_world")
        assert await cells.Note.matching("world").count() == 1

    async def test_a_change_keeps_rows_dependents_and_search(
        self, db: Database, cells: Cells, tmp_path: Path
    ) -> None:
        migrations = db.migrations(tmp_path / "m")
        await migrations.make("first")
        await migrations.up()
        owner = await cells.Owner.create(name="ann")
        await cells.Note.create(id="a", title="alpha", body="beta", owner_id=owner.id)
        cells.run(SECOND)
        assert await migrations.changes()
        await migrations.make("second")
        await migrations.up()
        assert await migrations.changes() == []
        note = await cells.Note.get("a")
        assert (note.stars, note.owner_id) == (7, owner.id)
        assert await cells.Note.matching("beta").count() == 1
        await note.update(title="gamma")
        assert await cells.Note.matching("alpha").count() == 0
        assert await cells.Note.matching("gamma").count() == 1
        await (await cells.Owner.get(owner.id)).destroy()
        assert (await cells.Note.get("a")).owner_id is None

    async def test_down_and_up_again_come_to_the_same(
        self, db: Database, cells: Cells, tmp_path: Path
    ) -> None:
        migrations = db.migrations(tmp_path / "m")
        await migrations.make("first")
        await migrations.up()
        await cells.Note.create(id="a", title="alpha")
        cells.run(SECOND)
        await migrations.make("second")
        await migrations.up()
        assert len(await migrations.down()) == 1
        assert [found.applied for found in await migrations.status()] == [True, False]
        assert await cells.Note.all().pluck("title") == ["alpha"]
        await migrations.up()
        assert await migrations.changes() == []
        assert len(await migrations.down(None)) == 2
        assert await tables(db) == ["mizzen_migration"]

    async def test_tables_of_others_are_left_alone(
        self, db: Database, cells: Cells, tmp_path: Path
    ) -> None:
        async with db.transaction() as session:
            await session.execute(text("CREATE TABLE auth_user (id integer primary key)"))
        migrations = db.migrations(tmp_path / "m")
        made = await migrations.make("first")
        assert made is not None
        assert "auth_user" not in made.read_text()
        await migrations.up()
        await migrations.down(None)
        assert "auth_user" in await tables(db)

    async def test_a_failing_migration_changes_nothing(
        self, db: Database, cells: Cells, tmp_path: Path
    ) -> None:
        migrations = db.migrations(tmp_path / "m")
        made = await migrations.make("breaks")
        assert made is not None
        source = made.read_text().replace(
            "def downgrade", "    raise RuntimeError('halfway')\n\n\ndef downgrade"
        )
        made.write_text(source)
        before = await tables(db)
        with pytest.raises(MigrationFailed, match=r"_breaks.py line \d+ failed.*halfway"):
            await migrations.up()
        assert await tables(db) == before

    async def test_two_processes_apply_once(
        self, db: Database, url: str, cells: Cells, tmp_path: Path
    ) -> None:
        migrations = db.migrations(tmp_path / "m")
        await migrations.make("first")
        code = (
            "import asyncio, sys\nfrom mizzen.orm import Database\n"
            "async def main():\n"
            "    async with Database(sys.argv[1]) as db:\n"
            "        print('ready', flush=True)\n"
            "        sys.stdin.readline()\n"
            "        print(len(await db.migrations(sys.argv[2]).up()))\n"
            "asyncio.run(main())\n"
        )
        children = [
            subprocess.Popen(  # noqa: ASYNC220  (ends with the test, and is waited for)
                [sys.executable, "-c", code, url, str(tmp_path / "m")],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(2)
        ]
        for child in children:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
        for child in children:
            assert child.stdin is not None
            child.stdin.write("go\n")
            child.stdin.flush()
        assert sorted(child.communicate(timeout=30)[0] for child in children) == ["0\n", "1\n"]
        assert [child.returncode for child in children] == [0, 0]
        assert await migrations.changes() == []


async def tables(database: Database) -> list[str]:
    async with database.engine.connect() as connection:
        return sorted(await connection.run_sync(lambda inner: inspect(inner).get_table_names()))


class TestSQLite(EveryDatabase):
    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path}/app.db"

    async def test_a_killed_migration_leaves_the_database_as_it_was(
        self, db: Database, url: str, cells: Cells, tmp_path: Path
    ) -> None:
        migrations = db.migrations(tmp_path / "m")
        made = await migrations.make("killed")
        assert made is not None
        source = made.read_text()
        cut = "    import os, signal\n    os.kill(os.getpid(), signal.SIGKILL)\n\n\ndef downgrade"
        made.write_text(source.replace("def downgrade", cut))
        code = (
            "import asyncio, sys\nfrom mizzen.orm import Database\n"
            "async def main():\n"
            "    async with Database(sys.argv[1]) as db:\n"
            "        await db.migrations(sys.argv[2]).up()\n"
            "asyncio.run(main())\n"
        )
        done = subprocess.run(  # noqa: ASYNC221  (nothing else runs in this test)
            [sys.executable, "-c", code, url, str(tmp_path / "m")], check=False, timeout=30
        )
        assert done.returncode == -9
        assert await tables(db) == []
        made.write_text(source)
        await migrations.up()
        assert await migrations.changes() == []

    async def test_a_row_that_would_lose_its_owner_stops_the_migration(
        self, db: Database, cells: Cells, tmp_path: Path
    ) -> None:
        migrations = db.migrations(tmp_path / "m")
        await migrations.make("first")
        await migrations.up()
        owner = await cells.Owner.create(name="ann")
        await cells.Note.create(id="a", title="x", owner_id=owner.id)
        made = await migrations.make("by hand", empty=True)
        assert made is not None
        source = made.read_text().replace("    pass", "    op.execute('DELETE FROM owners')", 1)
        made.write_text(source)
        with pytest.raises(MigrationFailed, match=r"1 rows would refer .* \(in notes\)"):
            await migrations.up()
        assert await cells.Owner.all().count() == 1


class TestMemory(EveryDatabase):
    @pytest.fixture
    def url(self) -> str:
        return "memory:"

    test_two_processes_apply_once: Any = None  # a private database has no second process


@pytest.mark.extra("psycopg")
class TestPostgreSQL(EveryDatabase):
    @pytest.fixture
    def url(self, postgres_url: str) -> str:
        return postgres_url


async def test_make_wants_an_up_to_date_database(cells: Cells, tmp_path: Path) -> None:
    async with Database() as db:
        migrations = db.migrations(tmp_path / "m")
        with pytest.raises(MigrationFailed, match="there is no folder"):
            await migrations.status()
        await migrations.make("first")
        with pytest.raises(MigrationFailed, match="apply them with `up"):
            await migrations.make("second")

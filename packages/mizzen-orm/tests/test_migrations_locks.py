"""Who migrates, busy tables, and processes that are killed between or inside steps."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import anyio
import pytest
from sqlalchemy import text

from mizzen.orm import Busy, Database, MigrationFailed

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

HEAD = """
import os, signal
import sqlalchemy as sa
from alembic import op
revision = "{revision}"
down_revision = {after!r}
"""
TABLE = """
def upgrade():
    op.create_table("{name}", sa.Column("id", sa.Integer(), primary_key=True))
    {more}
def downgrade():
    op.drop_table("{name}")
"""
COLUMN = """
def upgrade():
    op.add_column("first", sa.Column("more", sa.Integer()))
def downgrade():
    op.drop_column("first", "more")
"""
INDEX = """
transactional = False
def upgrade():
    op.create_table("second", sa.Column("id", sa.Integer(), primary_key=True))
    op.create_index("by_id", "first", ["id"], postgresql_concurrently=True)
    {more}
def downgrade():
    op.drop_index("by_id", "first")
    op.drop_table("second")
"""
KILL = "os.kill(os.getpid(), signal.SIGKILL)"
UP = """
import asyncio, sys
from mizzen.orm import Database
async def main():
    async with Database(sys.argv[1]) as db:
        await db.migrations(sys.argv[2]).up()
asyncio.run(main())
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        pytest.importorskip("psycopg")
        return str(request.getfixturevalue("postgres_url"))
    return f"sqlite:///{tmp_path}/app.db"


@pytest.fixture
async def db(url: str, anyio_backend: object) -> AsyncGenerator[Database]:
    async with Database(url) as database:
        yield database


def write(tmp_path: Path, revision: str, after: str | None, body: str, more: str = "pass") -> Path:
    folder = tmp_path / "m"
    folder.mkdir(exist_ok=True)
    path = folder / f"{revision}_step.py"
    name = "first" if after is None else "second"
    path.write_text(HEAD.format(revision=revision, after=after) + body.format(name=name, more=more))
    return path


def up_elsewhere(url: str, folder: Path) -> int:
    done = subprocess.run([sys.executable, "-c", UP, url, str(folder)], check=False, timeout=60)
    return done.returncode


async def tables(db: Database) -> set[str]:
    return {table.name for table in await db.meta.tables()} - {"mizzen_migration"}


async def test_a_process_killed_in_a_later_step_leaves_the_earlier_ones(
    db: Database, url: str, tmp_path: Path
) -> None:
    migrations = db.migrations(tmp_path / "m", wait="10s")
    write(tmp_path, "1", None, TABLE)
    path = write(tmp_path, "2", "1", TABLE, KILL)
    assert await anyio.to_thread.run_sync(up_elsewhere, url, tmp_path / "m") == -9
    assert [step.state for step in await migrations.status()] == ["applied", "pending"]
    assert await tables(db) == {"first"}
    path.write_text(path.read_text().replace(KILL, "pass"))
    # Whoever comes next need not wait for the one that is gone.
    assert [step.revision for step in await migrations.up()] == ["2"]
    assert await tables(db) == {"first", "second"}


async def test_two_calls_in_one_program_apply_once(db: Database, tmp_path: Path) -> None:
    write(tmp_path, "1", None, TABLE, "import time; time.sleep(0.2)")
    applied: list[int] = []

    async def move() -> None:
        applied.append(len(await db.migrations(tmp_path / "m").up()))

    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(move)
    assert sorted(applied) == [0, 0, 1]


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
async def test_a_busy_table_is_tried_again(db: Database, tmp_path: Path) -> None:
    write(tmp_path, "1", None, TABLE)
    await db.migrations(tmp_path / "m").up()
    write(tmp_path, "2", "1", COLUMN)
    free, let_go = threading.Event(), threading.Event()

    def hold() -> None:
        engine = db.driver.migrator()
        with engine.connect() as connection, connection.begin():
            connection.execute(text("LOCK TABLE first IN ACCESS SHARE MODE"))
            free.set()
            let_go.wait(30)
        engine.dispose()

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        assert await anyio.to_thread.run_sync(free.wait, 10)
        patient = db.migrations(tmp_path / "m", lock_timeout="50ms", tries=2)
        began = time.monotonic()
        with pytest.raises(Busy, match=r"waited 0.05 s for a lock, 2 times"):
            await patient.up()
        assert time.monotonic() - began >= 0.15  # two waits, and a pause between them
        assert [step.state for step in await patient.status()] == ["applied", "pending"]
        threading.Timer(0.3, let_go.set).start()
        longer = db.migrations(tmp_path / "m", lock_timeout="50ms", tries=20)
        assert [step.revision for step in await longer.up()] == ["2"]
    finally:
        let_go.set()
        thread.join()


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
async def test_who_waits_too_long_for_another_migrator_is_told(
    db: Database, tmp_path: Path
) -> None:
    from mizzen.orm._migrations import locks

    write(tmp_path, "1", None, TABLE)
    free, let_go = threading.Event(), threading.Event()

    def migrate_for_long() -> None:
        engine = db.driver.migrator()
        with engine.connect() as connection, locks.only_migrator(connection, 10):
            free.set()
            let_go.wait(30)
        engine.dispose()

    thread = threading.Thread(target=migrate_for_long)
    thread.start()
    try:
        assert await anyio.to_thread.run_sync(free.wait, 10)
        with pytest.raises(Busy, match=r"another process has been migrating .* for 0.2 s"):
            await db.migrations(tmp_path / "m", wait="200ms").up()
        assert await tables(db) == set()
        threading.Timer(0.2, let_go.set).start()
        assert len(await db.migrations(tmp_path / "m", wait="20s").up()) == 1
    finally:
        let_go.set()
        thread.join()


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
async def test_an_index_is_built_concurrently_in_a_step_of_its_own(
    db: Database, tmp_path: Path
) -> None:
    write(tmp_path, "1", None, TABLE)
    write(tmp_path, "2", "1", INDEX)
    migrations = db.migrations(tmp_path / "m")
    assert len(await migrations.up()) == 2
    assert [index.name for index in await db.meta.indexes("first")] == ["by_id"]
    assert len(await migrations.down()) == 1
    assert await db.meta.indexes("first") == []
    assert len(await migrations.up()) == 1


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("settled", ["applied", "undone"])
async def test_a_step_without_a_transaction_that_was_killed_is_settled_by_hand(
    db: Database, url: str, tmp_path: Path, settled: str
) -> None:
    write(tmp_path, "1", None, TABLE)
    path = write(tmp_path, "2", "1", INDEX, KILL)
    migrations = db.migrations(tmp_path / "m")
    assert await anyio.to_thread.run_sync(up_elsewhere, url, tmp_path / "m") == -9
    path.write_text(path.read_text().replace(KILL, "pass"))
    first, second = await migrations.status()
    assert (first.state, second.state) == ("applied", "stopped")
    assert "CREATE INDEX CONCURRENTLY" in second.note
    # Never applied twice in silence.
    for move in (migrations.up(), migrations.down()):
        with pytest.raises(MigrationFailed, match=r"2_step.py stopped at its statement 2"):
            await move
    if settled == "undone":
        await db.meta.drop_table("second")
        await db.meta.drop_index("by_id")
    await migrations.resolve("2", applied=settled == "applied")
    assert len(await migrations.up()) == (settled == "undone")
    assert [step.state for step in await migrations.status()] == ["applied", "applied"]
    assert await tables(db) == {"first", "second"}
    with pytest.raises(MigrationFailed, match="has not stopped midway"):
        await migrations.resolve("2", applied=True)


async def test_a_step_that_failed_at_its_first_statement_needs_no_settling(
    db: Database, tmp_path: Path
) -> None:
    write(tmp_path, "1", None, TABLE)
    body = 'transactional = False\ndef upgrade():\n    op.drop_table("nope")\n'
    path = write(tmp_path, "2", "1", body)
    migrations = db.migrations(tmp_path / "m")
    with pytest.raises(MigrationFailed, match="nope"):
        await migrations.up()
    assert [step.state for step in await migrations.status()] == ["applied", "pending"]
    path.write_text(path.read_text().replace("nope", "first"))
    assert len(await migrations.up()) == 1
    assert await tables(db) == set()

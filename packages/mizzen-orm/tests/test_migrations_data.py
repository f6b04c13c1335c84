"""Data steps: functions that move rows, plain or async, in the step's transaction or by batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from mizzen.orm import Database, MigrationFailed

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from mizzen.orm._migrations.migrations import Migrations

HEAD = """
import sqlalchemy as sa
from alembic import op
revision = "{revision}"
down_revision = {after!r}
"""
FIRST = """
def upgrade():
    op.create_table(
        "posts",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("title", sa.String(50), nullable=False),
    )
def upgrade_data(connection):
    for number in range(25):
        connection.execute(sa.text("INSERT INTO posts VALUES (:n, :t)"), {"n": number, "t": "t"})
def downgrade():
    op.drop_table("posts")
def downgrade_data(connection):
    connection.execute(sa.text("DELETE FROM posts"))
"""
ASYNC = """
import asyncio
def upgrade():
    op.add_column("posts", sa.Column("slug", sa.String(50)))
async def upgrade_data(connection):
    await asyncio.sleep(0)
    count = await connection.scalar(sa.text("SELECT count(*) FROM posts"))
    await connection.execute(sa.text("UPDATE posts SET slug = :s"), {{"s": f"of {{count}}"}})
    await connection.run_sync(lambda inner: inner.execute(sa.text("SELECT 1")))
    {more}
def downgrade():
    op.drop_column("posts", "slug")
def downgrade_data(connection):
    pass
"""
WALK = """
transactional = False
restartable = {restartable}
def upgrade_data(connection):
    done = 0
    for rows in op.batches("posts", columns=["title"], where="title = 't'", size=10):
        assert len(rows) <= 10
        for row in rows:
            change = sa.text("UPDATE posts SET title = 'x' WHERE id = :i")
            connection.execute(change, {{"i": row.id}})
        done += len(rows)
        {stop}
def downgrade_data(connection):
    connection.execute(sa.text("UPDATE posts SET title = 't'"))
"""


@pytest.fixture
async def db(database_url: str, anyio_backend: object) -> AsyncGenerator[Database]:
    async with Database(database_url) as database:
        yield database


@pytest.fixture
def migrations(db: Database, tmp_path: Path) -> Migrations:
    write(tmp_path, "1", None, FIRST)
    return db.migrations(tmp_path / "m")


def write(tmp_path: Path, revision: str, after: str | None, body: str) -> Path:
    folder = tmp_path / "m"
    folder.mkdir(exist_ok=True)
    path = folder / f"{revision}_step.py"
    path.write_text(HEAD.format(revision=revision, after=after) + body)
    return path


async def rows(db: Database, sql: str) -> list[Any]:
    return [row[0] for row in (await db.meta.execute(sql)).rows]


async def test_rows_move_with_the_schema(
    db: Database, migrations: Migrations, tmp_path: Path
) -> None:
    write(tmp_path, "2", "1", ASYNC.format(more="pass"))
    assert len(await migrations.up()) == 2
    assert await rows(db, "SELECT DISTINCT slug FROM posts") == ["of 25"]
    assert len(await migrations.redo(2)) == 2
    assert await rows(db, "SELECT count(*) FROM posts") == [25]


async def test_rows_and_schema_fail_together(
    db: Database, migrations: Migrations, tmp_path: Path
) -> None:
    await migrations.up()
    write(tmp_path, "2", "1", ASYNC.format(more="raise LookupError('no such service')"))
    with pytest.raises(MigrationFailed, match=r"2_step.py line \d+ failed.*no such service"):
        await migrations.up()
    assert [column.name for column in await db.meta.columns("posts")] == ["id", "title"]
    assert [step.state for step in await migrations.status()] == ["applied", "pending"]


async def test_a_large_table_is_walked_in_batches(
    db: Database, migrations: Migrations, tmp_path: Path
) -> None:
    write(tmp_path, "2", "1", WALK.format(stop="", restartable=False))
    await migrations.up()
    assert await rows(db, "SELECT DISTINCT title FROM posts") == ["x"]
    await migrations.down()
    assert await rows(db, "SELECT DISTINCT title FROM posts") == ["t"]


async def test_a_walk_that_stopped_goes_on_where_it_was(
    db: Database, migrations: Migrations, tmp_path: Path
) -> None:
    stops = "if done == 20: raise RuntimeError('the light went out')"
    path = write(tmp_path, "2", "1", WALK.format(stop=stops, restartable=True))
    with pytest.raises(MigrationFailed, match="the light went out"):
        await migrations.up()
    left = await rows(db, "SELECT count(*) FROM posts WHERE title = 't'")
    if db.engine.dialect.name == "sqlite":
        assert left == [25]  # there the whole step is one transaction, and nothing waits for it
    else:
        assert left == [5]
        assert (await migrations.status())[1].state == "stopped"
    path.write_text(path.read_text().replace(stops, "pass"))
    assert len(await migrations.up()) == 1
    assert await rows(db, "SELECT DISTINCT title FROM posts") == ["x"]


async def test_make_writes_a_file_that_moves_rows(
    db: Database, migrations: Migrations, mizzen_models: None
) -> None:
    await migrations.up()
    made = await migrations.make("fill the slugs", data=True)
    assert made is not None
    assert "def upgrade_data(connection: sa.Connection)" in made.read_text()
    assert len(await migrations.up()) == 1
    assert len(await migrations.down()) == 1


async def test_batches_need_a_key(db: Database, migrations: Migrations, tmp_path: Path) -> None:
    body = """
def upgrade():
    op.execute("CREATE TABLE heap (a integer)")
    list(op.batches("heap"))
def downgrade():
    op.drop_table("heap")
"""
    write(tmp_path, "2", "1", body)
    with pytest.raises(MigrationFailed, match="goes by the primary key, and heap has none"):
        await migrations.up()

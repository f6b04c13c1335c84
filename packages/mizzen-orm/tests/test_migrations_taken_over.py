"""Databases whose bookkeeping an earlier version wrote: Alembic's table, which knows heads only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from mizzen.orm import Database, MigrationFailed

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from mizzen.orm._migrations.migrations import Migrations

# As the earlier version wrote it.
OLD_TABLE = (
    "CREATE TABLE mizzen_migration (version_num VARCHAR(32) NOT NULL, "
    "CONSTRAINT mizzen_migration_pkc PRIMARY KEY (version_num))"
)
FILE = """
import sqlalchemy as sa
from alembic import op
revision = "{name}"
down_revision = {after!r}
def upgrade():
    op.create_table("t{name}", sa.Column("id", sa.Integer(), primary_key=True))
def downgrade():
    op.drop_table("t{name}")
"""


@pytest.fixture
async def db(database_url: str, anyio_backend: object) -> AsyncGenerator[Database]:
    async with Database(database_url) as database:
        yield database


def write(folder: Path, name: str, after: str | tuple[str, ...] | None) -> None:
    folder.mkdir(exist_ok=True)
    (folder / f"{name}_step.py").write_text(FILE.format(name=name, after=after))


async def older(db: Database, migrations: Migrations, *heads: str) -> None:
    """Apply all that is there, and leave the database as the earlier version would have."""
    await migrations.up()
    async with db.transaction() as session:
        await session.execute(text("INSERT INTO t1 VALUES (7)"))
        await session.execute(text("DROP TABLE mizzen_migration"))
        await session.execute(text(OLD_TABLE))
        for head in heads:
            await session.execute(text(f"INSERT INTO mizzen_migration VALUES ('{head}')"))


async def layout(db: Database) -> set[str]:
    return {column.name for column in await db.meta.columns("mizzen_migration")}


async def kept(db: Database) -> bool:
    return (await db.meta.execute("SELECT id FROM t1")).rows == ((7,),)


async def test_what_was_applied_stays_applied(db: Database, tmp_path: Path) -> None:
    migrations = db.migrations(tmp_path / "m")
    write(tmp_path / "m", "1", None)
    write(tmp_path / "m", "2", "1")
    await older(db, migrations, "2")
    write(tmp_path / "m", "3", "2")
    # Looking changes nothing: the earlier version may still be running beside this one.
    states = [(step.revision, step.state) for step in await migrations.status()]
    assert states == [("1", "applied"), ("2", "applied"), ("3", "pending")]
    assert await layout(db) == {"version_num"}
    assert [step.revision for step in await migrations.up()] == ["3"]
    assert [step.revision for step in await migrations.history()] == ["1", "2", "3"]
    assert {step.state for step in await migrations.status()} == {"applied"}
    assert await kept(db)
    assert [step.revision for step in await migrations.down(2)] == ["3", "2"]
    assert [step.revision for step in await migrations.up()] == ["2", "3"]
    assert await kept(db)


async def test_it_is_taken_over_when_nothing_is_left_to_apply(db: Database, tmp_path: Path) -> None:
    migrations = db.migrations(tmp_path / "m")
    write(tmp_path / "m", "1", None)
    await older(db, migrations, "1")
    assert await migrations.up() == []
    assert "version_num" not in await layout(db)
    (step,) = await migrations.history()
    assert (step.revision, step.state) == ("1", "applied")
    assert step.changed_at == (await migrations.history())[0].changed_at
    assert await kept(db)


async def test_two_heads_stand_for_both_branches(db: Database, tmp_path: Path) -> None:
    migrations = db.migrations(tmp_path / "m")
    write(tmp_path / "m", "1", None)
    write(tmp_path / "m", "2", "1")
    write(tmp_path / "m", "3", "1")
    write(tmp_path / "m", "4", ("2", "3"))
    await migrations.up(3)
    await older(db, migrations, "2", "3")
    async with db.transaction() as session:
        await session.execute(text("DROP TABLE t4"))
    assert [step.revision for step in await migrations.up()] == ["4"]
    assert [step.state for step in await migrations.status()] == ["applied"] * 4


async def test_one_that_was_taken_back_wholly_begins_anew(db: Database, tmp_path: Path) -> None:
    migrations = db.migrations(tmp_path / "m")
    write(tmp_path / "m", "1", None)
    await older(db, migrations)
    async with db.transaction() as session:
        await session.execute(text("DROP TABLE t1"))
    assert [step.revision for step in await migrations.up()] == ["1"]


async def test_a_step_that_fails_leaves_the_older_bookkeeping_readable(
    db: Database, tmp_path: Path
) -> None:
    migrations = db.migrations(tmp_path / "m")
    write(tmp_path / "m", "1", None)
    await older(db, migrations, "1")
    write(tmp_path / "m", "2", "1")
    path = tmp_path / "m" / "2_step.py"
    path.write_text(path.read_text().replace("def downgrade", "    1 / 0\ndef downgrade"))
    with pytest.raises(MigrationFailed, match="division by zero"):
        await migrations.up()
    assert [step.applied for step in await migrations.status()] == [True, False]
    assert await kept(db)


async def test_a_head_of_a_newer_program_is_refused_untouched(db: Database, tmp_path: Path) -> None:
    migrations = db.migrations(tmp_path / "m")
    write(tmp_path / "m", "1", None)
    await older(db, migrations, "29990101000000")
    with pytest.raises(MigrationFailed, match="newer version of the program"):
        await migrations.up()
    assert await layout(db) == {"version_num"}
    assert await kept(db)

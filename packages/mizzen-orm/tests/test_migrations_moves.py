"""Moving along the files of a folder: up, down, redo, history, branches and squashed files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest

from mizzen.orm import Database, MigrationFailed

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable
    from pathlib import Path

    from mizzen.orm._migrations.migrations import Migration, Migrations

FILE = '''"""Step {name}"""
import sqlalchemy as sa
from alembic import op
revision = "{name}"
down_revision = {after!r}
{marks}
def upgrade():
    op.create_table("t{name}", sa.Column("id", sa.Integer(), primary_key=True))
def downgrade():
    op.drop_table("t{name}")
'''


@pytest.fixture
async def db(
    database_url: str, anyio_backend: object, mizzen_models: None
) -> AsyncGenerator[Database]:
    async with Database(database_url) as database:
        yield database


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "m"
    made.mkdir()
    return made


@pytest.fixture
def migrations(db: Database, folder: Path) -> Migrations:
    for name, after in (("1", None), ("2", "1"), ("3", "2")):
        write(folder, name, after)
    return db.migrations(folder)


def write(folder: Path, name: str, after: str | tuple[str, ...] | None, marks: str = "") -> Path:
    path = folder / f"{name}_step.py"
    path.write_text(FILE.format(name=name, after=after, marks=marks))
    return path


def names(found: Iterable[Migration]) -> str:
    return "".join(step.revision for step in found)


async def tables(db: Database) -> set[str]:
    return {table.name for table in await db.meta.tables()} - {"mizzen_migration"}


async def test_up_and_down_by_steps_and_to_a_revision(db: Database, migrations: Migrations) -> None:
    assert names(await migrations.up(1)) == "1"
    assert names(await migrations.up(to="2")) == "2"
    assert await tables(db) == {"t1", "t2"}
    assert names(await migrations.up()) == "3"
    assert names(await migrations.down(to="1")) == "32"
    assert await tables(db) == {"t1"}
    assert names(await migrations.up()) == "23"
    assert names(await migrations.down(to="base")) == "321"
    assert await tables(db) == set()
    with pytest.raises(MigrationFailed, match="there is no one migration"):
        await migrations.up(to="nope")
    with pytest.raises(MigrationFailed, match="is not applied: there is no way down"):
        await migrations.down(to="2")


async def test_redo_and_history(db: Database, migrations: Migrations) -> None:
    assert await migrations.redo() == []
    await migrations.up()
    assert names(await migrations.history()) == "123"
    assert names(await migrations.redo(2)) == "23"
    assert await tables(db) == {"t1", "t2", "t3"}
    held = await migrations.history()
    assert names(held) == "123"
    moments = [step.changed_at for step in held if step.changed_at is not None]
    assert moments == sorted(moments)
    assert all(moment.tzinfo for moment in moments)


async def test_a_file_that_changed_after_it_was_applied_is_named(
    migrations: Migrations, folder: Path
) -> None:
    await migrations.up(2)
    path = anyio.Path(folder / "1_step.py")
    # Line ends and spaces at the end don't count.
    await path.write_text((await path.read_text()).replace("\n", "  \n") + "\n")
    assert [step.state for step in await migrations.status()] == ["applied", "applied", "pending"]
    await path.write_text(await path.read_text() + "# more\n")
    first, *_ = await migrations.status()
    assert (first.applied, first.state) == (True, "edited")
    assert "changes belong in a new one" in first.note


async def test_branches_are_named_and_merged(
    db: Database, migrations: Migrations, folder: Path
) -> None:
    write(folder, "4", "2")
    with pytest.raises(MigrationFailed, match=r"two branches end here .*3_step.py, 4_step.py"):
        await migrations.up()
    assert await tables(db) == set()
    merged = await migrations.merge("both")
    assert merged is not None
    assert 'down_revision = ("3", "4")' in await anyio.Path(merged).read_text()
    assert await migrations.merge() is None
    assert names(await migrations.up())[:4] == "1234"
    assert await migrations.make("nothing") is None
    assert len(await migrations.down(to="2")) == 3
    assert await tables(db) == {"t1", "t2"}


async def test_a_branch_that_comes_late_is_applied_beside_the_other(
    db: Database, migrations: Migrations, folder: Path
) -> None:
    await migrations.up()
    write(folder, "25", "1")
    await migrations.merge()
    applied = await migrations.up()
    assert applied[0].revision == "25"
    assert len(applied) == 2
    assert await tables(db) == {"t1", "t2", "t25", "t3"}


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ('revision = "1"\ndown_revision = None\n', "have the same revision"),
        ('revision = "9"\ndown_revision = "8"\n', "which no file has; was one deleted"),
        ('revision = "9"\ndown_revision = "9x"\n', "which no file has"),
        ("x = 1\n", "says no `revision"),
        ("x = \n", "can't be read"),
        ("raise OSError('odd')\n", "can't be read: OSError"),
    ],
)
async def test_a_folder_that_does_not_fit_is_refused(
    migrations: Migrations, folder: Path, source: str, why: str
) -> None:
    (folder / "x.py").write_text(source)
    with pytest.raises(MigrationFailed) as caught:
        await migrations.up()
    assert why in str(caught.value)


async def test_what_can_not_be_taken_back_says_why(
    db: Database, migrations: Migrations, folder: Path
) -> None:
    write(folder, "4", "3", 'irreversible = "the old names are gone"')
    await migrations.up()
    with pytest.raises(MigrationFailed, match="the old names are gone"):
        await migrations.down()
    path = folder / "4_step.py"
    path.write_text(path.read_text().partition("def downgrade")[0].replace("irrev", "# irrev"))
    with pytest.raises(MigrationFailed, match="has `upgrade` but no `downgrade`"):
        await migrations.down()
    assert "t4" in await tables(db)


async def test_a_squashed_file_serves_new_partial_and_full_databases(
    db: Database, migrations: Migrations, folder: Path, anyio_backend: object
) -> None:
    await migrations.up(2)
    async with Database("memory:") as full, Database("memory:") as fresh:
        assert len(await full.migrations(folder).up()) == 3
        made = await migrations.squash("1", "3", "all in one")
        assert [path.name async for path in anyio.Path(folder).glob("*.py")] == [made.name]
        # This database had two of the three.
        assert names(await migrations.up()) == "3"
        assert await tables(db) == {"t1", "t2", "t3"}
        for each in (db, full, fresh):
            moved = each.migrations(folder)
            await moved.up()
            assert [step.state for step in await moved.status()] == ["applied"]
            assert await tables(each) == {"t1", "t2", "t3"}
            write(folder, "4", "3")
            assert names(await moved.up()) == "4"
            assert names(await moved.down(None)) == "43"
            assert await tables(each) == set()
            assert names(await moved.up()) == "34"
            (folder / "4_step.py").unlink()
            await each.meta.execute("DELETE FROM mizzen_migration WHERE revision = '4'", write=True)


async def test_what_can_not_be_squashed_stays_as_it_is(
    migrations: Migrations, folder: Path
) -> None:
    for first, last in (("3", "1"), ("1", "1")):
        with pytest.raises(MigrationFailed, match="does not come before"):
            await migrations.squash(first, last)
    write(folder, "4", "3", "transactional = False")
    with pytest.raises(MigrationFailed, match="says `transactional = False`"):
        await migrations.squash("1", "4")
    write(folder, "25", "2")
    with pytest.raises(MigrationFailed, match="a branch begins at"):
        await migrations.squash("1", "3")
    assert len([path async for path in anyio.Path(folder).glob("*.py")]) == 5

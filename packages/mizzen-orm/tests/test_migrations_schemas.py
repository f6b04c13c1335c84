"""The same migrations in many schemas of PostgreSQL: each tenant's tables, kept up to date."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import TYPE_CHECKING

import anyio
import pytest
from sqlalchemy import text

from mizzen.orm import (
    ConfigurationError,
    Database,
    Field,
    MigrationFailed,
    Model,
    SchemasFailed,
    SearchIndex,
)
from mizzen.orm._command import main
from mizzen.orm.testing import scratch_models

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

pytestmark = pytest.mark.extra("psycopg")

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
# One tenant has what the second step does not expect.
UNLESS_BAD = 'if op.get_bind().scalar(sa.text("SELECT current_schema()")) == "bad": {what}'
UP = """
import asyncio, sys
from mizzen.orm import Database
async def main():
    async with Database(sys.argv[1]) as db:
        await db.migrations(sys.argv[2]).schemas(*sys.argv[3:]).up()
asyncio.run(main())
"""


@pytest.fixture
async def db(postgres_url: str, anyio_backend: object) -> AsyncGenerator[Database]:
    async with Database(postgres_url) as database:
        yield database


def write(tmp_path: Path, revision: str, after: str | None, more: str = "pass") -> Path:
    folder = tmp_path / "m"
    folder.mkdir(exist_ok=True)
    path = folder / f"{revision}_step.py"
    body = TABLE.format(name=f"t{revision}", more=more)
    path.write_text(HEAD.format(revision=revision, after=after) + body)
    return folder


async def tables(db: Database) -> dict[str, set[str]]:
    rows = await db.sql(
        "SELECT table_schema, table_name FROM information_schema.tables "
        "WHERE table_schema NOT IN ('pg_catalog', 'information_schema')"
    )
    found: dict[str, set[str]] = {}
    for schema, name in rows:
        found.setdefault(schema, set()).add(name)
    return found


def up_elsewhere(url: str, *words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", UP, url, *words])


async def test_each_schema_is_made_and_has_bookkeeping_of_its_own(
    db: Database, tmp_path: Path
) -> None:
    folder = write(tmp_path, "1", None)
    tenants = db.migrations(folder).schemas("acme", 'Ödd "name"', "acme")
    pending = await tenants.status()
    assert [step.state for steps in pending.values() for step in steps] == ["pending"] * 2
    assert await tables(db) == {}  # looking makes nothing
    done = await tenants.up()
    assert {name: [step.revision for step in steps] for name, steps in done.items()} == {
        "acme": ["1"],
        'Ödd "name"': ["1"],
    }
    assert await tables(db) == {name: {"t1", "mizzen_migration"} for name in done}
    write(tmp_path, "2", "1")
    acme = db.migrations(folder, schema="acme")
    assert [step.revision for step in await acme.up()] == ["2"]
    # Those that were migrated before, when none is named.
    every = db.migrations(folder).schemas()
    assert await every.names() == sorted(done)
    assert [len(steps) for steps in (await every.up()).values()] == [0, 1]
    assert [len(steps) for steps in (await every.down()).values()] == [1, 1]
    assert [len(steps) for steps in (await every.redo()).values()] == [1, 1]
    assert [len(steps) for steps in (await every.history()).values()] == [1, 1]
    assert [step.state for step in await db.migrations(folder).status()] == ["pending"] * 2
    assert "acme" in repr(acme)
    assert "every schema" in repr(every)


async def test_a_schema_that_fails_is_named_and_the_others_go_on(
    db: Database, tmp_path: Path
) -> None:
    write(tmp_path, "1", None)
    folder = write(tmp_path, "2", "1", UNLESS_BAD.format(what="raise ValueError('not here')"))
    tenants = db.migrations(folder).schemas("acme", "bad", "globex")
    with pytest.raises(SchemasFailed, match=r'1 of 3 schemas failed; .* "bad": .*not here') as told:
        await tenants.up()
    assert list(told.value.errors) == ["bad"]
    assert isinstance(told.value.errors["bad"], MigrationFailed)
    assert {name: len(steps) for name, steps in told.value.done.items()} == {"acme": 2, "globex": 2}
    states = await tenants.status()
    assert [step.state for step in states["bad"]] == ["applied", "pending"]
    assert (await tables(db))["bad"] == {"t1", "mizzen_migration"}
    write(tmp_path, "2", "1")
    # The file was mended: only the one that failed has something to do.
    assert [len(steps) for steps in (await tenants.up()).values()] == [0, 1, 0]


async def test_a_process_killed_between_tenants_is_gone_on_with(
    db: Database, postgres_url: str, tmp_path: Path
) -> None:
    write(tmp_path, "1", None)
    kill = UNLESS_BAD.format(what="os.kill(os.getpid(), signal.SIGKILL)")
    folder = write(tmp_path, "2", "1", kill)
    names = ("acme", "bad", "globex")
    run = up_elsewhere(postgres_url, str(folder), *names)
    assert await anyio.to_thread.run_sync(run.wait) == -9
    assert await tables(db) == {
        "acme": {"t1", "t2", "mizzen_migration"},
        "bad": {"t1", "mizzen_migration"},
    }
    write(tmp_path, "2", "1")
    done = await db.migrations(folder, wait="20s").schemas(*names).up()
    assert [len(steps) for steps in done.values()] == [0, 1, 2]


async def test_two_processes_apply_each_step_once(
    db: Database, postgres_url: str, tmp_path: Path
) -> None:
    write(tmp_path, "1", None, "import time; time.sleep(0.05)")
    folder = write(tmp_path, "2", "1")
    names = [f"tenant {number}" for number in range(5)]
    runs = [up_elsewhere(postgres_url, str(folder), *names) for _ in range(2)]
    for run in runs:
        assert await anyio.to_thread.run_sync(run.wait) == 0
    states = await db.migrations(folder).schemas().status()
    assert list(states) == names
    assert all(step.applied for steps in states.values() for step in steps)


async def test_what_is_shared_is_found_and_never_taken_for_the_tenant_s(
    db: Database, tmp_path: Path
) -> None:
    folder = write(tmp_path, "1", None)
    await db.migrations(folder).up()  # in public: tables and bookkeeping
    refer = "op.execute('ALTER TABLE t1 ADD COLUMN other integer REFERENCES public_only (id)')"
    async with db.engine.begin() as connection:
        await connection.execute(text("CREATE TABLE public_only (id integer PRIMARY KEY)"))
    write(tmp_path, "1", None, refer)
    acme = db.migrations(folder, schema="acme", shared=["public"])
    assert [step.state for step in await acme.status()] == ["pending"]
    assert [step.state for step in await acme.up()] == ["applied"]
    assert (await tables(db))["acme"] == {"t1", "mizzen_migration"}
    assert await db.migrations(folder).schemas().names() == ["acme"]  # public is its own affair
    assert len(await acme.down()) == 1
    assert (await tables(db))["public"] == {"t1", "mizzen_migration", "public_only"}
    with pytest.raises(MigrationFailed, match="public_only"):
        await db.migrations(folder, schema="globex").up()


async def test_models_in_schemas_go_up_down_up_and_leave_nothing_to_make(
    db: Database, tmp_path: Path
) -> None:
    with scratch_models():
        from enum import StrEnum

        class State(StrEnum):
            new = "new"
            paid = "paid"

        class Bill(Model):
            number: str = Field(unique=True)
            state: State = State.new
            search = SearchIndex("number", language="english")

        class Line(Model):
            bill_id: int = Field(foreign_key="bills.id", index=True)

        await db.create_all()  # public has them all, too
        folder = tmp_path / "m"
        acme = db.migrations(folder, schema="acme")
        assert await acme.make("first")
        script = await acme.sql()
        assert script.startswith('CREATE SCHEMA IF NOT EXISTS "acme";\nSET search_path TO "acme";')
        await acme.up()
        assert await acme.make("again") is None
        assert await acme.changes() == []
        await acme.down()
        assert (await tables(db))["acme"] == {"mizzen_migration"}
        await acme.up()
        await db.migrations(folder).schemas("globex").up()
        for name in ("acme", "globex"):
            with db.schema(name):
                bill = await Bill.create(number=f"{name} cars")
                await Line.create(bill_id=bill.id)
                assert [each.number for each in await Bill.matching("car")] == [bill.number]
        assert await Bill.count() == 0


async def test_wrong_use_is_explained(db: Database, tmp_path: Path) -> None:
    folder = write(tmp_path, "1", None)
    for name in ("", "a\0b", "x" * 64):
        with pytest.raises(ConfigurationError, match="is no name of a schema"):
            await db.migrations(folder, schema=name).up()
    assert await tables(db) == {}
    async with Database("memory:") as other:
        for call in (
            other.migrations(folder, schema="acme").up,
            other.migrations(folder).schemas().names,
        ):
            with pytest.raises(ConfigurationError, match="by schema are PostgreSQL's"):
                await call()


async def test_who_may_not_make_schemas_migrates_those_that_are_there(
    db: Database, postgres_url: str, tmp_path: Path
) -> None:
    from sqlalchemy import make_url

    folder = write(tmp_path, "1", None)
    async with db.engine.begin() as connection:
        await connection.execute(text("DROP ROLE IF EXISTS mizzen_tenant"))
        await connection.execute(text("CREATE ROLE mizzen_tenant LOGIN PASSWORD 'secret'"))
        await connection.execute(text("CREATE SCHEMA acme AUTHORIZATION mizzen_tenant"))
    url = make_url(postgres_url).set(username="mizzen_tenant", password="secret")
    async with Database(url.render_as_string(hide_password=False)) as tenant:
        with pytest.raises(SchemasFailed, match="permission denied") as told:
            await tenant.migrations(folder).schemas("acme", "globex").up()
    assert list(told.value.errors) == ["globex"]
    assert [len(steps) for steps in told.value.done.values()] == [1]


def test_from_a_shell(
    postgres_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def shell(*words: str, code: int = 0) -> tuple[str, str]:
        asked = ["migrate", words[0], "--url", postgres_url, "--folder", str(folder), *words[1:]]
        assert main(asked) == code
        said = capsys.readouterr()
        return said.out, said.err

    folder = write(tmp_path, "1", None, UNLESS_BAD.format(what="raise ValueError('not here')"))
    said, errors = shell("up", "--schema", "acme", "--schema", "bad", "--schema", "x y", code=1)
    assert said.splitlines() == [
        "schema acme",
        "  applied   1  ",
        "schema x y",
        "  applied   1  ",
    ]
    assert errors.startswith("error: schema bad: ")
    assert "every migration is applied already" in shell("up", "--schema", "acme")[0]
    said, _ = shell("status", "--every-schema")
    assert [line for line in said.splitlines() if line.startswith("schema")] == [
        "schema acme",
        "schema bad",
        "schema x y",
    ]
    write(tmp_path, "1", None)
    said, _ = shell("sql", "--schema", "new")
    assert said.startswith('CREATE SCHEMA IF NOT EXISTS "new";')
    _, errors = shell("make", "x", "--every-schema", code=1)
    assert "make is for one schema at a time" in errors
    assert asyncio.run(_names(postgres_url)) == ["acme", "bad", "x y"]


async def _names(url: str) -> list[str]:
    async with Database(url) as db:
        rows = await db.sql(
            "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' "
            "AND nspname NOT IN ('public', 'information_schema') ORDER BY 1"
        )
        return [name for (name,) in rows]

"""Databases copied from a template that was prepared once, by however many processes."""

from __future__ import annotations

import glob
import os
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING

import pytest

from mizzen.orm import ConfigurationError, Database, Model, Unavailable
from mizzen.orm.testing import TemplateDatabase, sandbox, scratch_models

if TYPE_CHECKING:
    from pathlib import Path

with scratch_models() as MODELS:

    class Seed(Model):
        name: str


@pytest.fixture(params=["memory", "postgresql", "mariadb"])
def url(request: pytest.FixtureRequest, anyio_backend: object) -> str:
    if request.param == "memory":
        return "memory:"
    names = {"postgresql": "postgres_url", "mariadb": "mariadb_url"}
    found: str = request.getfixturevalue(names[request.param])
    return found


class Preparing:
    def __init__(self) -> None:
        self.times = 0

    async def __call__(self, db: Database) -> None:
        self.times += 1
        await db.create_all()
        async with db.transaction():
            await Seed.create(name="first")


async def test_each_database_is_a_copy_of_its_own(url: str) -> None:
    prepare = Preparing()
    with MODELS:
        async with TemplateDatabase(url, prepare) as template:
            async with template.database() as one, template.database() as other:
                await Seed.using(one).update_all(name="changed")
                assert [seed.name for seed in await Seed.using(one)] == ["changed"]
                assert [seed.name for seed in await Seed.using(other)] == ["first"]
            async with template.url() as third, Database(third) as db, sandbox(db):
                await Seed.create(name="second")
                assert await Seed.count() == 2
        assert prepare.times == (3 if url.startswith(("mysql", "mariadb")) else 1)


async def test_copies_made_at_once_do_not_disturb_each_other(url: str) -> None:
    async def use(template: TemplateDatabase, number: int) -> list[str]:
        async with template.database() as db:
            await Seed.using(db).update_all(name=str(number))
            return [seed.name for seed in await Seed.using(db)]

    with MODELS:
        async with TemplateDatabase(url, Preparing()) as template:
            found = [await use(template, number) for number in range(2)]
    assert found == [["0"], ["1"]]


async def test_copies_are_removed(url: str) -> None:
    with MODELS:
        async with TemplateDatabase(url, Preparing()) as template:
            async with template.url() as copy:
                assert copy != url
            if url == "memory:":
                assert not glob.glob(copy.removeprefix("sqlite:///") + "*")
                return
            with pytest.raises(Unavailable):
                await Database(copy).start()


async def test_a_template_that_fails_leaves_nothing(url: str) -> None:
    async def fail(db: Database) -> None:
        await db.create_all()
        raise KeyError

    before = set(glob.glob(f"{tempfile.gettempdir()}/mizzen_template_*"))
    with MODELS, pytest.raises(KeyError):
        async with TemplateDatabase(url, fail) as template, template.url():
            pass
    assert set(glob.glob(f"{tempfile.gettempdir()}/mizzen_template_*")) <= before


async def test_another_kind_of_database_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="oracle"):
        TemplateDatabase("oracle://x/y", Preparing())


XDIST = """
import asyncio, os, pathlib, pytest
from mizzen.orm import Database, Model
from mizzen.orm.testing import TemplateDatabase

class Seed(Model):
    name: str

async def prepare(db):
    with open(os.environ["PREPARED"], "a") as file:
        file.write("once\\n")
    await db.create_all()
    await Seed.create(name="first")

@pytest.fixture(scope="session")
def anyio_backend():
    return "asyncio"

@pytest.fixture(scope="session")
async def template(anyio_backend):
    async with TemplateDatabase(os.environ["URL"], prepare) as template:
        # Until all processes are here: the template lasts as long as somebody uses it.
        pathlib.Path(os.environ["PYTEST_XDIST_WORKER"]).touch()
        while len(list(pathlib.Path().glob("gw*"))) < 2:
            await asyncio.sleep(0.02)
        yield template

@pytest.fixture
async def mizzen_db(template):
    async with template.database() as db:
        yield db

@pytest.mark.parametrize("number", range(6))
async def test_alone(mizzen_db, number):
    assert await Seed.all().count() == 1
    await Seed.create(name=str(number))
    assert await Seed.all().count() == 2
"""


@pytest.mark.slow
@pytest.mark.timeout(180)  # three interpreters with all of their plugins
@pytest.mark.extra("xdist")
def test_processes_of_one_run_share_the_template(url: str, tmp_path: Path) -> None:
    (tmp_path / "test_shared.py").write_text(XDIST)
    prepared = tmp_path / "prepared.txt"
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider"]
    options = ["-p", "no:asyncio", "-o", "anyio_mode=auto", "-o", "filterwarnings=error"]
    run = subprocess.run(
        [*command, *options, "test_shared.py"],
        cwd=tmp_path,
        env={**os.environ, "PREPARED": str(prepared), "URL": url},
        capture_output=True,
        text=True,
    )
    assert "6 passed" in run.stdout, run.stdout + run.stderr
    times = prepared.read_text().count("once")
    assert times == (6 if url.startswith(("mysql", "mariadb")) else 1)

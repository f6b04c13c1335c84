"""Circles of foreign keys, their indexes, and computed columns: up, down and up everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import pytest
from sqlalchemy import Index, text

from mizzen.orm import Database, Field, Generated, Model
from mizzen.orm.testing import scratch_models

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

SERVERS = {"postgresql": "postgres_url", "mariadb": "mariadb_url"}
NAMES: dict[str, Any] = {
    "Annotated": Annotated,
    "Field": Field,
    "Generated": Generated,
    "Index": Index,
    "Model": Model,
    "text": text,
    "__name__": "cells",
}
CIRCLE = """
class Egg(Model):
    hen_id: int | None = Field(default=None, foreign_key="hens.id")
    mother_id: int | None = Field(default=None, foreign_key="eggs.id")
class Hen(Model):
    egg_id: int | None = Field(default=None, foreign_key="eggs.id", index=True)
"""
KEEPS = """
class Farm(Model):
    size: int = 0
"""
INDEXED = """
class Owner(Model):
    size: int = 0
class Note(Model):
    owner_id: int | None = Field(default=None, foreign_key="owners.id", index=True)
    editor_id: int | None = Field(default=None, foreign_key="owners.id")
    stars: int = 0
    __table_args__ = (Index("ix_both", "editor_id", "stars"),)
"""
OTHERWISE_INDEXED = """
class Owner(Model):
    size: int = 0
class Note(Model):
    owner_id: int | None = Field(default=None, foreign_key="owners.id")
    editor_id: int | None = Field(
        default=None, foreign_key="owners.id", index=True, ondelete="SET NULL"
    )
    stars: int = 0
"""
COMPUTED = """
class Box(Model):
    width: int = 1
    area: Annotated[int | None, Generated("width * width")] = Field(default=None, index=True)
"""
OTHERWISE_COMPUTED = """
class Box(Model):
    width: int = 1
    height: int = 3
    area: Annotated[int | None, Generated("width * height")] = Field(default=None, index=True)
    twice: Annotated[int | None, Generated("width + width")] = None
"""


@pytest.fixture(
    params=[
        "sqlite",
        pytest.param("postgresql", marks=pytest.mark.extra("psycopg")),
        pytest.param("mariadb", marks=pytest.mark.extra("asyncmy")),
    ]
)
async def db(request: pytest.FixtureRequest, anyio_backend: object) -> AsyncGenerator[Database]:
    server = SERVERS.get(request.param)
    async with Database(request.getfixturevalue(server) if server else "memory:") as database:
        yield database


def define(source: str) -> dict[str, Any]:
    names = dict(NAMES)
    exec(compile(source, "cells", "exec", dont_inherit=True), names)
    return names


async def schema(db: Database) -> dict[str, Any]:
    """Return what the database says of each table, in no order of columns."""
    return {
        table.name: (
            sorted(map(str, table.columns)),
            sorted(map(str, table.indexes)),
            sorted(map(str, table.foreign_keys)),
        )
        for table in await db.meta.tables()
        if table.name != "mizzen_migration"
    }


async def there_and_back(
    db: Database, folder: Path, first: str, second: str, rows: str = "", *, drops: bool = False
) -> None:
    """Go from one version of the models to the next, and back, and there again, and to nothing."""
    migrations = db.migrations(folder)
    with scratch_models():
        define(first)
        assert await migrations.make("first")
        await migrations.up()
        assert await migrations.make("nothing") is None
        was = await schema(db)
        if rows:
            await db.meta.execute(rows, write=True)
    with scratch_models():
        define(second)
        assert await migrations.make("second", drops=drops)
        await migrations.up()
        assert await migrations.make("nothing", drops=drops) is None
        now = await schema(db)
        assert now != was
        await migrations.down()
        assert await schema(db) == was
        await migrations.up()
        assert await schema(db) == now
        await migrations.down(None)
        assert await schema(db) == {}
        await migrations.up()
        assert await schema(db) == now


async def test_tables_that_refer_to_one_another_come_and_go(db: Database, tmp_path: Path) -> None:
    row = "INSERT INTO eggs (id, mother_id) VALUES (1, 1)"
    await there_and_back(db, tmp_path / "m", CIRCLE + KEEPS, KEEPS, row, drops=True)


async def test_a_circle_is_changed(db: Database, tmp_path: Path) -> None:
    changed = CIRCLE.replace('"hens.id"', '"hens.id", ondelete="SET NULL"')
    await there_and_back(db, tmp_path / "m", CIRCLE, changed)


async def test_the_index_of_a_reference_comes_and_goes(db: Database, tmp_path: Path) -> None:
    await there_and_back(db, tmp_path / "m", INDEXED, OTHERWISE_INDEXED)
    with scratch_models():
        define(INDEXED)
        await db.migrations(tmp_path / "m").make("back")
        assert len(await db.migrations(tmp_path / "m").up()) == 1


async def test_a_table_whose_references_have_indexes_is_dropped(
    db: Database, tmp_path: Path
) -> None:
    await there_and_back(db, tmp_path / "m", INDEXED + KEEPS, KEEPS, drops=True)


async def test_a_column_that_is_computed_otherwise_is_made_anew(
    db: Database, tmp_path: Path
) -> None:
    row = "INSERT INTO boxes (id, width) VALUES (1, 2)"
    migrations = db.migrations(tmp_path / "m")
    await there_and_back(db, tmp_path / "m", COMPUTED, OTHERWISE_COMPUTED)
    await db.meta.execute(row.replace("width", "width, height").replace("2)", "2, 3)"), write=True)
    with scratch_models():
        Box = define(OTHERWISE_COMPUTED)["Box"]
        assert (await Box.using(db).pluck("area", "twice")) == [(6, 4)]
        assert [index.columns for index in await db.meta.indexes("boxes")] == [("area",)]
    with scratch_models():
        # What SQLite copies the whole table for leaves computed values out.
        define(COMPUTED.replace("width * width", "width * 10").replace("int = 1", "int = 7"))
        assert await migrations.make("third")
        await migrations.up()
        assert await migrations.make("nothing") is None
        (row_there,) = await db.sql("SELECT area FROM boxes")
        assert row_there == (20,)


async def test_rows_with_computed_values_survive_a_change_of_another_column(
    db: Database, tmp_path: Path
) -> None:
    migrations = db.migrations(tmp_path / "m")
    with scratch_models():
        define(COMPUTED)
        await migrations.make("first")
        await migrations.up()
    await db.meta.execute("INSERT INTO boxes (id, width) VALUES (1, 4)", write=True)
    with scratch_models():
        define(COMPUTED.replace("width: int = 1", "width: int | None = None"))
        assert await migrations.make("second")
        await migrations.up()
        assert await db.sql("SELECT width, area FROM boxes") == [(4, 16)]


async def test_a_column_becomes_computed_and_plain_again(db: Database, tmp_path: Path) -> None:
    plain = COMPUTED.replace(
        'area: Annotated[int | None, Generated("width * width")]', "area: int | None"
    )
    await there_and_back(
        db, tmp_path / "m", plain, COMPUTED, "INSERT INTO boxes (id, width, area) VALUES (1, 2, 3)"
    )
    with scratch_models():
        define(plain)
        assert await db.migrations(tmp_path / "m").make("back")
        await db.migrations(tmp_path / "m").up()
        assert await db.migrations(tmp_path / "m").changes() == []


@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection")
async def test_indexes_of_expressions_come_to_a_table_that_is_there_and_stay(
    tmp_path: Path, anyio_backend: object
) -> None:
    plain = 'class Tag(Model):\n    name: str = ""\n'
    indexed = (
        f"{plain}    size: int = 0\n"
        '    __table_args__ = (Index("by_lower", text("lower(name)"), unique=True), '
        'Index("last_first", text("name DESC")))\n'
    )

    async def index(db: Database) -> list[Any]:
        return [
            row[0] for row in await db.sql("SELECT sql FROM sqlite_master WHERE name = 'by_lower'")
        ]

    async with Database("memory:") as db:
        migrations = db.migrations(tmp_path / "m")
        for source, message in ((plain, "first"), (indexed, "second")):
            with scratch_models():
                define(source)
                assert await migrations.make(message)
                await migrations.up()
                assert await migrations.make("nothing") is None
        (made,) = await index(db)
        assert made.startswith("CREATE UNIQUE INDEX by_lower ON tags (lower(name)")
        with scratch_models():
            # SQLite makes the whole table anew for this.
            define(indexed.replace("size: int = 0", "size: int | None = None"))
            assert await migrations.make("third")
            await migrations.up()
            assert await migrations.make("nothing") is None
            assert await index(db) == [made]
            await migrations.down()
            assert await index(db) == [made]
            await migrations.down()
            assert await index(db) == []

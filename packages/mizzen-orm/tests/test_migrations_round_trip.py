"""Up, down and up again leave the same schema, whatever the models were and became."""

from __future__ import annotations

import datetime
import enum
import random
import uuid
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import JSON, CheckConstraint, Connection, UniqueConstraint, inspect

from mizzen.orm import Database, Field, Model, SearchIndex
from mizzen.orm.testing import scratch_models

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class MoreColours(enum.Enum):
    RED = "red"
    GREEN = "green"
    BLUE = "blue"
    VERY_LIGHT_GREY = "grey"


# Each column, and what it may be from one version of the models to the next; "" is not there.
COLUMNS = {
    "text": ["", "str", "str = Field(max_length=40)", "str | None = None", 'str = "x"'],
    "unique": ["", "str = Field(unique=True)", "str = Field(max_length=50)"],
    "indexed": ["", "str = Field(index=True)", "str", "str = Field(index=True, unique=True)"],
    "amount": ["", "int", "int = 7", "int | None = None", "float = 0.5", "float | None = None"],
    "truth": ["", "bool = False", "bool = True", "bool | None = None"],
    "money": ["", 'Decimal = Field(default=Decimal("1.5"), max_digits=8, decimal_places=2)'],
    "raw": ["", "bytes", "bytes | None = None"],
    "moment": ["", "datetime.datetime | None = None"],
    "day": ["", "datetime.date | None = None"],
    "hour": ["", "datetime.time | None = None"],
    "span": ["", "datetime.timedelta | None = None"],
    "key": ["", "uuid.UUID | None = None", "uuid.UUID | None = Field(default=None, index=True)"],
    "data": ["", "dict[str, object] | None = Field(default=None, sa_type=JSON)"],
    "colour": [
        "",
        "Colour | None = Field(default=None, sa_type=Enum(Colour, name='colour'))",
        "Colour = Field(default=Colour.RED, sa_type=Enum(Colour, name='colour'))",
        "MoreColours | None = Field(default=None, sa_type=Enum(MoreColours, name='colour'))",
        "str | None = None",
    ],
    "shade": [
        "",
        "Colour | None = Field(default=None, sa_type=Enum(Colour, name='shade'))",
        "MoreColours | None = Field(default=None, sa_type=Enum(MoreColours, name='shade'))",
    ],
    "owner_id": [
        "",
        'int | None = Field(default=None, foreign_key="owners.id")',
        'int | None = Field(default=None, foreign_key="owners.id", ondelete="CASCADE")',
        "int | None = None",
        'int | None = Field(None, foreign_key="owners.id", ondelete="SET NULL", index=True)',
    ],
}
SEARCH = ["", 'search = SearchIndex("title")', 'search = SearchIndex("title", "body")']
TABLE = [
    "",
    '__table_args__ = (UniqueConstraint("title", "body"),)',
    '__table_args__ = (CheckConstraint("length(title) < 90", name="ck_notes_title"),)',
    '__table_args__ = ({"comment": "what people wrote"},)',
]
NAMES: dict[str, Any] = {
    "Model": Model,
    "Field": Field,
    "SearchIndex": SearchIndex,
    "UniqueConstraint": UniqueConstraint,
    "CheckConstraint": CheckConstraint,
    "Decimal": Decimal,
    "datetime": datetime,
    "uuid": uuid,
    "JSON": JSON,
    "Colour": Colour,
    "MoreColours": MoreColours,
    "__name__": "cells",
}


def models(chance: random.Random) -> str:
    """Return the source of some models."""
    lines = [
        f"    {name}: {shape}"
        for name, shapes in COLUMNS.items()
        if (shape := chance.choice(shapes))
    ]
    chance.shuffle(lines)
    first = ["    title: str", '    body: str = ""']
    last = [f"    {chance.choice(SEARCH)}", f"    {chance.choice(TABLE)}"]
    extra = "class Tag(Model):\n    name: str = Field(primary_key=True)\n"
    owner = "class Owner(Model):\n    name: str = Field(unique=True)\n"
    note = "\n".join(["class Note(Model):", *first, *lines, *last])
    return owner + extra * chance.choice([0, 1]) + note + "\n"


def define(source: str) -> None:
    from sqlalchemy import Enum

    # This file's own `from __future__ import annotations` is not the models'.
    exec(compile(source, "cells", "exec", dont_inherit=True), {**NAMES, "Enum": Enum})


async def schema(db: Database) -> dict[str, Any]:
    """Return all that the database says of itself, in no order of columns."""

    def read(connection: Connection) -> dict[str, Any]:
        there: Any = inspect(connection)
        found: dict[str, Any] = {"search": db.driver.search.present(connection)}
        if connection.dialect.name == "postgresql":
            found["types"] = {each["name"]: each["labels"] for each in there.get_enums()}
        for table in there.get_table_names():
            if "_search" in table or table == "mizzen_migration":
                continue
            found[table] = {
                "columns": {
                    each["name"]: (str(each["type"]), each["nullable"], each["default"])
                    for each in there.get_columns(table)
                },
                "key": there.get_pk_constraint(table),
                "references": sorted(map(str, there.get_foreign_keys(table))),
                "unique": sorted(map(str, there.get_unique_constraints(table))),
                "indexes": sorted(map(str, there.get_indexes(table))),
                "checks": sorted(map(str, there.get_check_constraints(table))),
                "comment": there.get_table_comment(table)
                if connection.dialect.name == "postgresql"
                else None,
            }
        return found

    async with db.engine.connect() as connection:
        return await connection.run_sync(read)


async def there_and_back(db: Database, folder: Path, seed: int) -> None:
    chance = random.Random(seed)
    first, second = models(chance), models(chance)
    note = f"seed {seed}\n{first}\n{second}"
    migrations = db.migrations(folder)
    with scratch_models():
        define(first)
        assert await migrations.make("first"), note
        await migrations.up()
        was = await schema(db)
        assert await migrations.make("nothing") is None, note
    with scratch_models():
        define(second)
        await migrations.make("second", drops=True)
        steps = len(await migrations.up())
        now = await schema(db)
        assert await migrations.changes() == [], note
        assert await migrations.make("nothing") is None, note
        await migrations.down(steps)
        assert await schema(db) == was, note
        await migrations.up()
        assert await schema(db) == now, note
        await migrations.down(None)
        left = await schema(db)
        assert {name: left[name] for name in left if left[name]} == {}, note
        await migrations.up()
        assert await schema(db) == now, note
        await migrations.down(None)


@pytest.fixture
async def db(database_url: str, anyio_backend: object) -> AsyncGenerator[Database]:
    async with Database(database_url) as database:
        yield database


@pytest.mark.parametrize("seed", range(8))
async def test_up_down_up_leaves_the_same_schema(db: Database, seed: int, tmp_path: Path) -> None:
    # A server's schema takes seconds to read: there fewer models are tried in each run.
    count = 5 if db.engine.dialect.name == "sqlite" else 1
    for each in range(seed * count, seed * count + count):
        folder = tmp_path / str(each)
        await there_and_back(db, folder, each)
        async with db.transaction() as session:
            await (await session.connection()).exec_driver_sql("DROP TABLE mizzen_migration")

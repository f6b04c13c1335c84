"""What a change of models means: renames, values of enums, and models that are gone."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from mizzen.orm import Database, Field, MigrationFailed, Model, SearchIndex
from mizzen.orm.testing import scratch_models

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator
    from pathlib import Path

    from mizzen.orm._migrations.migrations import Migrations

BASE = """
class Owner(Model):
    name: str
class Note(Model):
    title: str = Field(index=True)
    body: str = ""
    owner_id: int | None = Field(default=None, foreign_key="owners.id", ondelete="CASCADE")
    search = SearchIndex("title")
"""
RENAMED = BASE.replace("title", "headline")
ENUM = """
class Colour(enum.Enum):
    {values}
class Pen(Model):
    colour: Colour
    other: Colour | None = None
"""


def define(source: str) -> dict[str, Any]:
    names: dict[str, Any] = {"Model": Model, "Field": Field, "SearchIndex": SearchIndex}
    names |= {"enum": enum, "__name__": "cells"}
    exec(compile(source, "cells", "exec", dont_inherit=True), names)
    return names


def pens(*values: str) -> dict[str, Any]:
    return define(ENUM.format(values="; ".join(f"{value} = {value!r}" for value in values)))


@pytest.fixture(autouse=True)
def nothing_known() -> Generator[None]:
    with scratch_models():
        yield


@pytest.fixture
async def db(database_url: str, anyio_backend: object) -> AsyncGenerator[Database]:
    async with Database(database_url) as database:
        yield database


@pytest.fixture
def migrations(db: Database, tmp_path: Path) -> Migrations:
    return db.migrations(tmp_path / "m")


async def applied(migrations: Migrations, message: str, **options: Any) -> str:
    made = await migrations.make(message, **options)
    assert made is not None
    await migrations.up()
    assert await migrations.make("nothing") is None
    return made.read_text()


async def rows(db: Database, sql: str) -> list[tuple[Any, ...]]:
    async with db.engine.connect() as connection:
        return [tuple(row) for row in await connection.execute(text(sql))]


async def test_a_renamed_column_keeps_values_index_and_search(
    db: Database, migrations: Migrations
) -> None:
    names = define(BASE)
    await applied(migrations, "first")
    await names["Note"].create(title="alpha beta", body="x")
    names = define(RENAMED)
    source = await applied(migrations, "second", renames={"notes.title": "notes.headline"})
    assert "op.rename_column('notes', 'title', 'headline')" in source
    assert "drop_column" not in source
    Note = names["Note"]
    assert [note.headline for note in await Note.matching("beta")] == ["alpha beta"]
    await (await Note.all().first()).update(headline="gamma")
    assert await Note.matching("gamma").count() == 1
    await migrations.down()
    assert await rows(db, "SELECT title, body FROM notes") == [("gamma", "x")]
    await migrations.up()
    assert await migrations.changes() == []
    assert await Note.matching("gamma").count() == 1


async def test_a_model_may_tell_of_a_rename(db: Database, migrations: Migrations) -> None:
    names = define(BASE)
    await applied(migrations, "first")
    await names["Note"].create(title="alpha", body="beta")
    told = 'content: str = Field(default="", sa_column_kwargs={"info": {"renamed_from": "body"}})'
    names = define(BASE.replace('body: str = ""', told))
    await applied(migrations, "second")
    assert [note.content for note in await names["Note"].all()] == ["beta"]
    # The hint may stay: it is about what the database still has.
    assert await migrations.changes() == []


async def test_a_renamed_table_keeps_rows_and_references(
    db: Database, migrations: Migrations
) -> None:
    names = define(BASE)
    await applied(migrations, "first")
    owner = await names["Owner"].create(name="ann")
    await names["Note"].create(title="alpha", owner_id=owner.id)
    with scratch_models():
        changed = BASE.replace("class Owner", "class Person").replace("owners.id", "people.id")
        changed = changed.replace("name: str", '__tablename__ = "people"\n    name: str')
        changed = changed.replace("class Note", "class Memo")
        names = define(changed)
        source = await applied(migrations, "second", renames={"owners": "people", "notes": "memos"})
        assert "create_table" not in source
        assert "drop_table" not in source
        (memo,) = await names["Memo"].matching("alpha")
        assert memo.owner_id == owner.id
        await names["Person"].all().delete_all()
        assert await names["Memo"].all().count() == 0
    await migrations.down()
    assert await rows(db, "SELECT count(*) FROM notes") == [(0,)]
    define(BASE)
    assert await migrations.changes() == []


async def test_without_a_hint_the_file_and_the_lint_name_the_possible_rename(
    db: Database, migrations: Migrations
) -> None:
    define(BASE)
    await applied(migrations, "first")
    define(RENAMED)
    made = await migrations.make("second")
    assert made is not None
    source = made.read_text()
    assert 'renames={"notes.title": "notes.headline"}' in source
    assert "add_column" in source
    assert "drop_column" in source
    assert "possible-rename" in {found.rule for found in await migrations.lint(pending=True)}


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"notes.nope": "notes.headline"}, 'the database has no column of notes "nope"'),
        ({"notes.title": "notes.nope"}, 'no model has a column of notes "nope"'),
        ({"notes.title": "notes.body"}, 'the database has a column of notes "body" already'),
        ({"nope.title": "nope.headline"}, 'there is no table "nope"'),
        ({"notes.title": "owners.headline"}, "write {"),
        ({"notes": "nope"}, 'no model has a table "nope"'),
        ({"": ""}, "can't be renamed"),
        ({"a.b.c.d": "e"}, "write {"),
        ({'no"tes': "x"}, "can't be renamed"),
    ],
)
async def test_a_rename_that_can_not_be_is_refused(
    migrations: Migrations, asked: dict[str, str], why: str
) -> None:
    define(BASE)
    await applied(migrations, "first")
    define(RENAMED)
    with pytest.raises(MigrationFailed) as caught:
        await migrations.make("second", renames=asked)
    assert why in str(caught.value)
    assert await migrations.make("without") is not None  # nothing of the attempt is left


async def test_names_that_need_quotes_are_renamed(db: Database, migrations: Migrations) -> None:
    odd = """
class Odd(Model):
    __tablename__ = 'od"d :x%'
    {name}: str = Field(sa_column_kwargs={{"name": 'we"ird :{name}%'}})
"""
    define(odd.format(name="one"))
    await applied(migrations, "first")
    names = define(odd.format(name="two"))
    source = await applied(migrations, "second", renames={'od"d :x%.we"ird :one%': 'we"ird :two%'})
    assert "rename_column" in source
    await names["Odd"].create(two="x")
    await migrations.down(None)


async def test_new_values_of_an_enum_keep_their_place(db: Database, migrations: Migrations) -> None:
    names = pens("RED", "BLUE")
    await applied(migrations, "first")
    await names["Pen"].create(colour=names["Colour"].RED)
    names = pens("BLACK", "RED", "GREEN", "BLUE", "VERY_LONG_NAME")
    source = await applied(migrations, "second")
    assert "op.change_enum(" in source
    await names["Pen"].create(colour=names["Colour"].VERY_LONG_NAME)
    assert await names["Pen"].all().count() == 2
    if db.engine.dialect.name == "postgresql":
        labels = await rows(db, "SELECT unnest(enum_range(null::colour))::text")
        assert [value for (value,) in labels] == [
            "BLACK",
            "RED",
            "GREEN",
            "BLUE",
            "VERY_LONG_NAME",
        ]


async def test_a_value_that_rows_have_is_never_lost(db: Database, migrations: Migrations) -> None:
    names = pens("RED", "BLUE")
    await applied(migrations, "first")
    pen = await names["Pen"].create(colour=names["Colour"].BLUE)
    names = pens("RED")
    await migrations.make("second")
    with pytest.raises(MigrationFailed, match=r"1 rows of pens.colour still hold BLUE"):
        await migrations.up()
    assert await rows(db, "SELECT colour FROM pens") == [("BLUE",)]
    async with db.transaction() as session:
        await session.execute(text("UPDATE pens SET colour = 'RED'"))
    await migrations.up()
    assert await migrations.changes() == []
    assert (await names["Pen"].get(pen.id)).colour is names["Colour"].RED
    found = await migrations.lint()
    assert "enum-value-removed" in {each.rule for each in found}
    await migrations.down()
    pens("RED", "BLUE")
    assert await migrations.changes() == []


async def test_a_renamed_value_takes_its_rows_along(db: Database, migrations: Migrations) -> None:
    names = pens("RED", "BLUE")
    await applied(migrations, "first")
    await names["Pen"].create(colour=names["Colour"].BLUE, other=names["Colour"].RED)
    names = pens("CRIMSON", "BLUE", "GREEN")
    await applied(migrations, "second", renames={"pens.colour.RED": "CRIMSON"})
    assert await rows(db, "SELECT colour, other FROM pens") == [("BLUE", "CRIMSON")]
    await migrations.down()
    assert await rows(db, "SELECT colour, other FROM pens") == [("BLUE", "RED")]


async def test_a_model_that_is_gone_is_named_and_dropped_only_when_asked(
    db: Database, migrations: Migrations
) -> None:
    async with db.transaction() as session:
        await session.execute(text("CREATE TABLE of_others (id integer primary key)"))
    define(BASE)
    await applied(migrations, "first")
    with scratch_models():
        define(BASE.partition("class Note")[0])
        (line,) = await migrations.changes()
        assert line.startswith("orphan table, notes, made by ")
        assert await migrations.make("nothing") is None
        source = await applied(migrations, "drop", drops=True)
        assert "op.drop_table('notes')" in source
        assert "of_others" not in source
        assert "owners" not in source.partition("def downgrade")[0]
        assert "create_table('owners'" not in source
        assert await migrations.changes() == []
        assert "drop-table" in {found.rule for found in await migrations.lint()}
        await migrations.down()
    names = define(BASE)
    assert await migrations.changes() == []
    await names["Note"].create(title="alpha")
    assert await names["Note"].matching("alpha").count() == 1


async def test_a_check_that_comes_and_goes_is_seen(migrations: Migrations) -> None:
    plain = "class Score(Model):\n    points: int = 0\n"
    check = '    __table_args__ = (CheckConstraint("points >= 0", name="ck_points"),)\n'
    imported = "from sqlalchemy import CheckConstraint\n"
    define(plain)
    await applied(migrations, "first")
    define(imported + plain + check)
    assert "ck_points" in await applied(migrations, "second")
    define(plain)
    assert "ck_points" in await applied(migrations, "third")
    await migrations.down(None)
    await migrations.up()

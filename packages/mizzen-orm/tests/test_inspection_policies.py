"""Row security through `db.meta`: on PostgreSQL, and a clear word elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from mizzen.orm import ConfigurationError, Database, NotFound
from mizzen.orm.meta import Column

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

NAME = 'own "rows"; DROP TABLE notes; -- %s'


@pytest.fixture
async def db(postgres_url: str, anyio_backend: object) -> AsyncGenerator[Database]:
    async with Database(postgres_url) as database:
        await database.meta.create_table(
            "notes", [Column("id", "integer", primary_key=True), Column("owner", "text")]
        )
        yield database


async def test_a_policy_is_made_changed_and_dropped(db: Database) -> None:
    meta = db.meta
    made = await meta.create_policy(
        "notes",
        NAME,
        command="select",
        using=text("owner = :who OR owner LIKE 'a%'").bindparams(who="it's"),
        permissive=False,
    )
    assert await meta.policies("notes") == [made]
    assert (made.name, made.command, made.permissive) == (NAME, "SELECT", False)
    assert "it''s" in str(made.using)
    assert "a%'" in str(made.using)
    changed = await meta.alter_policy("notes", NAME, using=text("true"), rename="all")
    assert (changed.name, str(changed.using)) == ("all", "true")
    await meta.drop_policy("notes", "all")
    assert await meta.policies() == []
    with pytest.raises(NotFound):
        await meta.drop_policy("notes", "all")


async def test_row_security_is_switched(db: Database) -> None:
    meta = db.meta
    await meta.enable_rls("notes", force=True)
    found = await meta.table("notes")
    assert (found.rls_enabled, found.rls_forced) == (True, True)
    await meta.disable_rls("notes")
    found = await meta.table("notes")
    assert (found.rls_enabled, found.rls_forced) == (False, False)


async def test_what_a_policy_says_is_checked(db: Database) -> None:
    plain: Any = "true); DROP TABLE notes; --"
    with pytest.raises(ConfigurationError, match=r"sqlalchemy\.text"):
        await db.meta.create_policy("notes", "p", using=plain)
    with pytest.raises(ConfigurationError, match="SELECT"):
        await db.meta.create_policy("notes", "p", command="ALL; DROP")
    assert await db.meta.policies() == []


async def test_sqlite_says_that_it_has_none(mizzen_models: None, mizzen_db: Database) -> None:
    meta = mizzen_db.meta
    for asked in (
        meta.policies(),
        meta.enable_rls("x"),
        meta.create_policy("x", "y"),
        meta.extensions(),
        meta.enums(),
        meta.functions(),
    ):
        with pytest.raises(ConfigurationError, match="SQLite has no"):
            await asked
    with pytest.raises(ConfigurationError, match="concurrently"):
        await meta.drop_index("x", concurrently=True)


async def test_what_postgresql_has_is_listed(db: Database) -> None:
    meta = db.meta
    for statement in (
        "CREATE TYPE mood AS ENUM ('sad', 'it''s fine')",
        "CREATE FUNCTION twice(n integer) RETURNS integer LANGUAGE sql AS 'SELECT n * 2'",
        "CREATE VIEW owners AS SELECT DISTINCT owner FROM notes",
        'CREATE SCHEMA "other one"',
        "COMMENT ON TABLE notes IS 'what <b>people</b> wrote'",
    ):
        await meta.execute(statement, write=True)
    assert [(e.name, e.values) for e in await meta.enums()] == [("mood", ("sad", "it's fine"))]
    assert [(f.name, f.arguments) for f in await meta.functions()] == [("twice", "n integer")]
    assert [view.name for view in await meta.views()] == ["owners"]
    assert "plpgsql" in [extension.name for extension in await meta.extensions()]
    assert await meta.schemas() == ["other one", "public"]
    assert (await meta.version()).startswith("PostgreSQL ")
    found = await meta.table("notes")
    assert found.comment == "what <b>people</b> wrote"
    assert "<b>" not in found._repr_html_()  # pyright: ignore[reportPrivateUsage]
    assert "\n" not in repr(found)
    made = await meta.create_table("t", [Column("m", "mood[]")], schema="other one")
    assert (made.schema, made.columns[0].type) == ("other one", "mood[]")
    assert await meta.tables("other one") == [made]
    assert {size.table for size in await meta.sizes()} == {"notes"}


async def test_an_index_is_built_while_others_write(db: Database) -> None:
    made = await db.meta.create_index("notes", "owner", concurrently=True)
    assert made.name == "ix_notes_owner"
    await db.meta.drop_index("ix_notes_owner", concurrently=True)
    assert await db.meta.indexes("notes") == []

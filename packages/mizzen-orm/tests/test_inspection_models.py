"""Models of an existing database: made at once, or written as source."""

from __future__ import annotations

import ast
import sys
import types
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from sqlalchemy import text

from mizzen.orm import ConstraintFailed, Database, Model, NotFound, NotUnique
from mizzen.orm.meta import Check, Column, ForeignKey, Index, Unique
from mizzen.orm.testing import scratch_models

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator
    from pathlib import Path


@pytest.fixture(params=["memory", "postgresql", "mariadb"])
async def db(request: pytest.FixtureRequest, anyio_backend: object) -> AsyncGenerator[Database]:
    fixture = {"postgresql": "postgres_url", "mariadb": "mariadb_url"}.get(request.param)
    async with Database(request.getfixturevalue(fixture) if fixture else "memory:") as database:
        yield database


@pytest.fixture
async def sqlite(anyio_backend: object) -> AsyncGenerator[Database]:
    async with Database("memory:") as database:
        yield database


@pytest.fixture
def imported() -> Generator[Any]:
    """A function that imports source as a module, whose models are forgotten after the test."""
    name = "generated_models"

    def load(source: str) -> Any:
        module = sys.modules[name] = types.ModuleType(name)
        exec(compile(source, f"{name}.py", "exec"), module.__dict__)
        return module

    with scratch_models():
        yield load
    sys.modules.pop(name, None)


async def make_shop(db: Database) -> None:
    meta = db.meta
    await meta.create_table(
        "people",
        [
            Column("id", "integer", primary_key=True, autoincrement=True),
            Column("email", "varchar(80)", nullable=False),
            Column("stars", "integer", nullable=False, default=5),
            Column("note", "varchar(20)"),
            Column("date", "date"),
            Column("text", "varchar(9)", default="t"),
            Column("class", "varchar(9)"),
            Column("Save Me", "integer"),
            Column("metadata", "varchar(9)"),
            Column("since", "timestamp", nullable=False, default=text("CURRENT_TIMESTAMP")),
            Column("boss_id", "integer"),
        ],
        uniques=[Unique("email", name="uq_people_email"), Unique("note", "stars", name="two")],
        checks=[Check(text("stars >= 0"), name="some_stars")],
        indexes=[Index(("stars",)), Index(("date", "stars"), name="both")],
        foreign_keys=[ForeignKey("boss_id", "people", "id", on_delete="SET NULL", name="boss")],
    )
    await meta.create_table(
        "messages",
        [
            Column("room", "integer", primary_key=True),
            Column("number", "integer", primary_key=True),
            Column("sender_id", "integer", nullable=False),
            Column("receiver_id", "integer"),
        ],
        foreign_keys=[
            ForeignKey("sender_id", "people", "id", name="sent"),
            ForeignKey("receiver_id", "people", "id", name="received"),
        ],
    )
    await meta.create_table(
        "receipts",
        [
            Column("room", "integer", primary_key=True),
            Column("number", "integer", primary_key=True),
        ],
        foreign_keys=[ForeignKey(("room", "number"), "messages", ("room", "number"), name="of")],
    )


async def use_shop(person: Any, message: Any, receipt: Any) -> None:
    ann = await person.create(email="ann@x.org")
    assert (ann.id, ann.stars, ann.text, ann.note) == (1, 5, "t", None)
    assert (await person.get(1)).since is not None
    bea = await person.create(email="bea@x.org", boss_id=ann.id, class_="b", save_me=4)
    assert (await bea.boss).email == "ann@x.org"
    assert [one.email for one in await (await person.get(1)).people] == ["bea@x.org"]
    await message.create(room=1, number=2, sender_id=1, receiver_id=2)
    await receipt.create(room=1, number=2)
    found = await message.get((1, 2))
    assert ((await found.sender).email, (await found.receiver).email) == ("ann@x.org", "bea@x.org")
    assert (await found.receipt).number == 2
    assert len(await (await person.get(2)).messages_as_receiver) == 1
    assert len(await (await person.get(2)).messages_as_sender) == 0
    assert await person.where(save_me=4, class_="b").count() == 1
    with pytest.raises(NotUnique):
        await person.create(email="ann@x.org")
    with pytest.raises(ConstraintFailed):
        await person.create(email="c@x.org", stars=-1)
    with pytest.raises(ValueError, match="email"):
        person(email=None)


async def test_models_read_and_write_at_once(db: Database) -> None:
    await make_shop(db)
    models = await db.meta.models()
    assert sorted(models) == ["messages", "people", "receipts"]
    assert [model.__name__ for model in models.values()] == ["Message", "Person", "Receipt"]
    await use_shop(models["people"], models["messages"], models["receipts"])


async def test_source_is_a_module_that_reads_and_writes(db: Database, imported: Any) -> None:
    await make_shop(db)
    module = imported(await db.meta.source())
    await use_shop(module.Person, module.Message, module.Receipt)


async def test_after_generation_nothing_is_left_to_migrate(
    db: Database, imported: Any, tmp_path: Path
) -> None:
    await make_shop(db)
    # SQLite and MariaDB have several names for one type; what is generated is the usual one.
    await db.meta.drop_column("people", "since")
    imported(await db.meta.source())
    before = await db.meta.tables()
    await db.create_all()
    assert await db.meta.tables() == before
    assert await db.migrations(tmp_path / "m").changes() == []


async def test_generated_models_are_in_nobodys_way(sqlite: Database) -> None:
    await make_shop(sqlite)
    with scratch_models():

        class Person(Model):
            __tablename__ = "people"  # pyright: ignore[reportAssignmentType]
            email: str

        models = await sqlite.meta.models()
        again = await sqlite.meta.models()
        assert models["people"] is not Person
        assert again["people"] is not models["people"]
        await models["people"].create(email="x@x.org")
        assert [person.email for person in await Person.all()] == ["x@x.org"]
        assert (await again["people"].get(1)).stars == 5


HOSTILE = [
    'x"; import os; os.system("touch {canary}") #',
    '"""\nimport os\nos.system(\'touch {canary}\')\n"""',
    "'); __import__('os').system('touch {canary}') #",
    "\\",
    "\\'",
    "{x!r} %s",
    "\u202e rtl \u2028 line",
    "None",
    "__class__",
    "class",
    "Model",
    "str",
    "sa",
    "123",
    "ﬁ",
    "\U0001d54f",  # a letter that Python takes for X
    "—",
]


async def test_names_in_a_database_are_never_code(
    sqlite: Database, imported: Any, tmp_path: Path
) -> None:
    canary = tmp_path / "canary"
    names = [name.replace("{canary}", str(canary)) for name in HOSTILE]
    for name in names:
        await sqlite.meta.create_table(
            name,
            [Column("id", "integer", primary_key=True), *(Column(n, "integer") for n in names)],
            uniques=[Unique(names[0], name=f"u {name}")],
            checks=[Check(text('"None" <> \'\'\'""" \\:x\''), name=f"c {name}")],
            foreign_keys=[ForeignKey(names[1], names[0], "id")],
        )
        await sqlite.meta.alter_column(name, "class", default=None, rename="class ")
    source = await sqlite.meta.source()
    tree = ast.parse(source)
    assert {type(node) for node in tree.body} <= {
        ast.Expr,
        ast.Import,
        ast.ImportFrom,
        ast.ClassDef,
    }
    imports = [node for node in tree.body if isinstance(node, ast.Import)]
    assert {alias.name for node in imports for alias in node.names} == {"sqlalchemy"}
    module = imported(source)
    live = await sqlite.meta.models()
    assert not await anyio.Path(canary).exists()
    assert set(live) == set(names)
    for name, model in live.items():
        other = getattr(module, model.__name__)
        assert list(other.model_fields) == list(model.model_fields)
        assert all(field.isidentifier() for field in model.model_fields)
        await model.create(id=1)
        assert await other.count() == 1, name


async def test_enums_arrays_and_schemas_of_postgresql(postgres_url: str, imported: Any) -> None:
    async with Database(postgres_url) as db:
        meta = db.meta
        await meta.execute("CREATE TYPE \"Mo od\" AS ENUM ('sad', 'in \"love\"', '1')", write=True)
        await meta.execute("CREATE SCHEMA other", write=True)
        columns = [
            Column("id", "bigint", primary_key=True),
            Column("mood", "Mo od", default="sad"),
            Column("tags", "text[]"),
            Column("held", "jsonb", nullable=False, default={"a": 1}),
            Column("at", "timestamptz"),
            Column("key", "uuid", default=text("gen_random_uuid()")),
        ]
        await meta.create_table("things", columns)
        await meta.create_table(
            "parts", [Column("id", "integer", primary_key=True)], schema="other"
        )
        module: Any = imported(await meta.source())
        assert {member.name: member.value for member in module.MoOd} == {
            "SAD": "sad",
            "IN_LOVE": 'in "love"',
            "VALUE_1": "1",
        }
        for thing in (module.Thing, (await meta.models("things"))["things"]):
            made = await thing.create(mood='in "love"', tags=["a", "b"])
            found = await thing.get(made.id)
            assert (found.mood.value, found.tags, found.held) == ('in "love"', ["a", "b"], {"a": 1})
            assert found.key is not None
        part: Any = (await meta.models(schema="other"))["parts"]
        await part.create(id=4)
        assert (await meta.execute("SELECT id FROM other.parts")).rows == ((4,),)


async def test_tables_without_a_key_and_search_tables_are_left_out(sqlite: Database) -> None:
    meta = sqlite.meta
    for statement in (
        "CREATE TABLE keyless (a int)",
        "CREATE TABLE almost (a int NOT NULL UNIQUE, b int)",
        "CREATE TABLE mizzen_migration (version_num text PRIMARY KEY)",
        "CREATE VIEW v AS SELECT a FROM keyless",
    ):
        await meta.execute(statement, write=True)
    assert list(await meta.models()) == ["almost"]
    source = await meta.source()
    assert "# keyless has no key" in source
    with pytest.raises(NotFound, match="nope"):
        await meta.models("nope")
    assert list(await meta.models("almost")) == ["almost"]


async def test_references_that_share_a_column_raise_no_warning(sqlite: Database) -> None:
    for statement in (
        "CREATE TABLE tenants (id INTEGER PRIMARY KEY)",
        "CREATE TABLE users (tenant_id int REFERENCES tenants(id), id int, "
        "PRIMARY KEY (tenant_id, id))",
        "CREATE TABLE notes (id INTEGER PRIMARY KEY, tenant_id int REFERENCES tenants(id), "
        "user_id int, FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id))",
    ):
        await sqlite.meta.execute(statement, write=True)
    models: Any = await sqlite.meta.models()
    await models["tenants"].create(id=1)
    await models["users"].create(tenant_id=1, id=2)
    note = await models["notes"].create(tenant_id=1, user_id=2)
    assert ((await note.tenant).id, (await note.user).id) == (1, 2)


async def test_an_empty_database_has_an_empty_module(sqlite: Database, imported: Any) -> None:
    assert await sqlite.meta.models() == {}
    imported(await sqlite.meta.source())

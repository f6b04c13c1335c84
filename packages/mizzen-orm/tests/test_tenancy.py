"""Tenancy by column: every path, tried from the wrong tenant; on SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.orm import joinedload

from mizzen.orm import (
    ConfigurationError,
    Database,
    Field,
    Model,
    NoTenant,
    NotFound,
    NotUnique,
    OrmError,
    Query,
    Relationship,
    Rows,
    SearchIndex,
    TenantKey,
    WrongTenant,
    all_tenants,
    tenant,
)
from mizzen.orm.testing import scratch_models

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable

    Attempt = Callable[[Database], Awaitable[Any]]

MODELS = scratch_models()

with MODELS:

    class Account(Model):
        name: str
        papers: list[Paper] = Relationship(back_populates="account")

    class Owned(Model, table=False):
        account_id: int = TenantKey(foreign_key="accounts.id")

    class Writer(Owned, Model):
        name: str
        papers: list[Paper] = Relationship(back_populates="writer")

    class Paper(Owned, Model):
        code: str = Field(unique=True)
        title: str = ""
        writer_id: int | None = Field(default=None, foreign_key="writers.id")
        writer: Writer | None = Relationship(back_populates="papers")
        account: Account | None = Relationship(back_populates="papers")
        search = SearchIndex("title")


@pytest.fixture
async def db(database_url: str, anyio_backend: object) -> AsyncGenerator[Database]:
    """Accounts 1 and 2, each with a writer (1, 2) and a paper (1, 2) of the same title."""
    with MODELS:
        async with Database(database_url) as database:
            await database.create_all()
            for key in (1, 2):
                await Account.create(name=f"a{key}")
                with tenant(key):
                    writer = await Writer.create(name=f"w{key}")
                    await Paper.create(code=f"c{key}", title="minutes", writer_id=writer.id)
            yield database


def loose(value: Any) -> Any:
    """Return *value* for the checkers to leave alone: awaiting `Writer | None` is beyond them."""
    return value


async def of_two() -> tuple[Paper, Writer]:
    """Return the paper and the writer of account 2."""
    with tenant(2):
        return await Paper.get(2), await Writer.get(2)


async def everything() -> list[Any]:
    """Return all rows as they are, whosever they are."""
    with all_tenants():
        papers = await Paper.order("id").pluck("id", "account_id", "code", "title", "writer_id")
        return [*papers, *await Writer.order("id").pluck("id", "account_id", "name")]


# What account 1 reads, for each path: its own rows, and nothing of account 2.
READS: dict[str, tuple[Attempt, Any]] = {}
# What account 1 tries to write of account 2: nothing is changed; an error, or no rows.
WRITES: dict[str, tuple[Attempt, Any]] = {}


def reads(expected: Any) -> Callable[[Attempt], Attempt]:
    def keep(function: Attempt) -> Attempt:
        READS[function.__name__] = (function, expected)
        return function

    return keep


def writes(expected: Any) -> Callable[[Attempt], Attempt]:
    def keep(function: Attempt) -> Attempt:
        WRITES[function.__name__] = (function, expected)
        return function

    return keep


@reads([1])
async def whole_query(db: Database) -> Any:
    return [one.id for one in await Paper.all()]


@reads(NotFound)
async def get(db: Database) -> Any:
    return await Paper.get(2)


@reads(None)
async def find(db: Database) -> Any:
    return await Paper.find(2)


@reads(None)
async def find_by(db: Database) -> Any:
    return await Paper.find_by(code="c2")


@reads([1])
async def iteration(db: Database) -> Any:
    return [one.id async for one in Paper.all()]


@reads([[1]])
async def batches(db: Database) -> Any:
    return [[one.id for one in part] async for part in Paper.all().in_batches(5)]


@reads(1)
async def count(db: Database) -> Any:
    return await Paper.count()


@reads(False)
async def exists(db: Database) -> Any:
    return await Paper.exists(code="c2")


@reads([1])
async def pluck(db: Database) -> Any:
    return await Paper.all().pluck("id")


@reads(1)
async def aggregate(db: Database) -> Any:
    return await Paper.all().max("id")


@reads([1])
async def selected_rows(db: Database) -> Any:
    return [row.id for row in await Paper.select("id")]


@reads([("minutes", 1)])
async def groups(db: Database) -> Any:
    return [tuple(row) for row in await Paper.group("title").annotate(n=func.count())]


@reads(1)
async def counted_rows(db: Database) -> Any:
    return await Paper.select("id").count()


@reads((1, 1))
async def page(db: Database) -> Any:
    found = await Paper.all().page()
    return found.total, len(found)


@reads([1])
async def after(db: Database) -> Any:
    return [one.id for one in await Paper.order("title").after(size=5)]


@reads([1])
async def search(db: Database) -> Any:
    return [one.id for one in await Paper.matching("minutes")]


@reads([1])
async def hits(db: Database) -> Any:
    return [hit.row.id for hit in await Paper.matching("minutes").hits()]


@reads(0)
async def lookup_across(db: Database) -> Any:
    return await Account.where(papers__code="c2").count()


@reads([])
async def lookup_across_whole(db: Database) -> Any:
    return list(await Account.where(papers__code="c2"))


@reads([])
async def own_expression(db: Database) -> Any:
    return list(await Account.where(loose(Account.papers).any(Paper.code == "c2")))


@reads([1])
async def join(db: Database) -> Any:
    return [one.id for one in await Account.join(Paper)]


@reads([1])
async def subquery(db: Database) -> Any:
    return await Account.where(id__in=Paper.select("account_id")).pluck("id")


@reads([1])
async def query_as_value(db: Database) -> Any:
    return [one.id for one in await Paper.where(id__in=Paper.where())]


@reads(1)
async def common_table(db: Database) -> Any:
    table = Paper.where().cte()
    async with db.session() as session:
        return await session.scalar(select(func.count()).select_from(table))


@reads([[1], []])
async def include(db: Database) -> Any:
    found = await Account.order("id").include("papers")
    return [[one.id for one in each.papers] for each in found]


@reads([[1], []])
async def include_in_a_transaction(db: Database) -> Any:
    async with db.transaction():
        return await include(db)


@reads([[1], []])
async def awaited(db: Database) -> Any:
    return [[one.id for one in await loose(each.papers)] for each in await Account.order("id")]


@reads([[1], []])
async def awaited_in_a_transaction(db: Database) -> Any:
    async with db.transaction():
        return await awaited(db)


@reads([1])
async def own_statement(db: Database) -> Any:
    async with db.session() as session:
        return list(await session.scalars(select(Paper.id)))


@reads([1, 0])
async def own_joined_load(db: Database) -> Any:
    asked = select(Account).order_by(loose(Account.id)).options(joinedload(loose(Account.papers)))
    async with db.session() as session:
        return [len(one.papers) for one in (await session.scalars(asked)).unique()]


@reads(None)
async def own_get(db: Database) -> Any:
    async with db.transaction() as session:
        return await session.get(Paper, 2)


@reads(None)
async def own_get_of_what_is_held(db: Database) -> Any:
    async with db.transaction() as session:
        with tenant(2):
            held = await session.get(Paper, 2)
        assert held is not None
        return await session.get(Paper, 2)


@reads(None)
async def found_again_in_one_transaction(db: Database) -> Any:
    async with db.transaction():
        with tenant(2):
            await Paper.get(2)
        return await Paper.find(2)


@reads(NotFound)
async def reload(db: Database) -> Any:
    paper, _ = await of_two()
    await paper.reload()


@reads(None)
async def relation_of_a_held_row(db: Database) -> Any:
    paper, _ = await of_two()
    return await loose(paper.writer)


@reads(NotFound)
async def locked(db: Database) -> Any:
    async with db.transaction():
        return await Paper.all().with_lock().get(2)


@reads(None)
async def partly_loaded(db: Database) -> Any:
    return await Paper.where(id=2).only("code").first()


@reads([1])
async def without_scopes(db: Database) -> Any:
    return [one.id for one in await Paper.unscoped()]


@reads(NoTenant)
async def own_sql(db: Database) -> Any:
    return await db.sql("SELECT * FROM papers")


@reads(NoTenant)
async def own_sql_for_objects(db: Database) -> Any:
    return await Paper.raw("SELECT * FROM papers")


@reads(NoTenant)
async def text_in_a_session(db: Database) -> Any:
    async with db.session() as session:
        return list(await session.execute(text("SELECT * FROM papers")))


@reads(NoTenant)
async def statement_on_the_table(db: Database) -> Any:
    async with db.session() as session:
        return list(await session.execute(select(loose(Paper).__table__)))


@reads(NoTenant)
async def table_inside_of_a_query(db: Database) -> Any:
    inner = select(loose(Paper).__table__.c.account_id)
    return list(await Account.where(loose(Account.id).in_(inner)))


@reads(NoTenant)
async def table_inside_of_a_statement(db: Database) -> Any:
    inner = select(loose(Paper).__table__.c.account_id)
    async with db.session() as session:
        return list(
            await session.scalars(select(loose(Account.name)).where(loose(Account.id).in_(inner)))
        )


@reads((1, 1, 1))
async def numbers(db: Database) -> Any:
    query = Paper.where(title="minutes")
    row = await query.aggregate(n=func.count())
    return row.n, await query.sum("id"), await query.min("id")


@reads([1.0, [1]])
async def mean_and_distinct(db: Database) -> Any:
    return [await Paper.all().avg("id"), [one.id for one in await Paper.all().distinct()]]


@reads([1])
async def alternatives(db: Database) -> Any:
    query = Paper.where_any({"code": "c1"}, code="c2").where_not(code="c9")
    return [one.id for one in await query.defer("title").strict_loading()]


@reads([1])
async def on_this_database(db: Database) -> Any:
    return [one.id for one in await Paper.all().using(db)]


@reads(1)
async def select_as_a_table(db: Database) -> Any:
    table = Paper.where().subquery()
    async with db.session() as session:
        return await session.scalar(select(func.count()).select_from(table))


@reads([1])
async def own_run_of_a_query(db: Database) -> Any:
    async with db.session() as session:
        return [one.id for one in await session.scalars(Paper.order("id").statement())]


@reads([1])
async def groups_as_a_table(db: Database) -> Any:
    groups = Paper.group("account_id").annotate(n=func.count()).having(func.count() > 0)
    table = groups.subquery()
    async with db.session() as session:
        return list(await session.scalars(select(table.c.account_id)))


@reads([1])
async def own_run_of_rows(db: Database) -> Any:
    async with db.session() as session:
        return list(await session.scalars(Paper.select("id").statement()))


@reads([1, 1])
async def frames(db: Database) -> Any:
    rows, values = await Paper.all().to_df(), await Paper.select("id").to_df()
    return [len(rows), len(values)]


@reads(True)
async def plan(db: Database) -> Any:
    return "account_id" in await Paper.all().explain() or "accounts" in await Paper.all().explain()


@writes(WrongTenant)
async def copy_all(db: Database) -> Any:
    await Paper.where().copy_all([{"code": "c3"}, {"code": "c4", "account_id": 2}])


@writes(WrongTenant)
async def save(db: Database) -> Any:
    paper, _ = await of_two()
    await paper.update(title="mine")


@writes(WrongTenant)
async def save_in_a_transaction(db: Database) -> Any:
    paper, _ = await of_two()
    async with db.transaction():
        await paper.update(title="mine")


@writes(WrongTenant)
async def move_to_me(db: Database) -> Any:
    paper, _ = await of_two()
    await paper.update(account_id=1)


@writes(WrongTenant)
async def move_away(db: Database) -> Any:
    await (await Paper.get(1)).update(account_id=2)


@writes(NotFound)
async def destroy(db: Database) -> Any:
    paper, _ = await of_two()
    await paper.destroy()


@writes(WrongTenant)
async def create_for_another(db: Database) -> Any:
    await Paper.create(code="c3", account_id=2)


@writes(WrongTenant)
async def create_in_a_transaction(db: Database) -> Any:
    async with db.transaction():
        await Paper.create(code="c3", account_id=2)


@writes(WrongTenant)
async def save_along(db: Database) -> Any:
    paper, _ = await of_two()
    paper.title = "mine"
    async with db.transaction():
        await Writer(name="w3", papers=[paper]).save()


@writes(WrongTenant)
async def insert_all(db: Database) -> Any:
    await Paper.insert_all([{"code": "c3"}, {"code": "c4", "account_id": 2}])


@writes(WrongTenant)
async def insert_all_in_a_transaction(db: Database) -> Any:
    async with db.transaction():
        await Paper.insert_all([{"code": "c4", "account_id": 2}])


@writes(WrongTenant)
async def insert_missing(db: Database) -> Any:
    await Paper.where().insert_all([{"code": "c4", "account_id": 2}], ignore=True)


@writes([])
async def insert_missing_over(db: Database) -> Any:
    return await Paper.where().insert_all([{"code": "c2", "title": "mine"}], ignore=True)


@writes(NotUnique)
async def upsert(db: Database) -> Any:
    await Paper.upsert_all([{"code": "c2", "title": "mine"}], on=["code"])


@writes(NotUnique)
async def upsert_by_key(db: Database) -> Any:
    await Paper.upsert_all([{"id": 2, "code": "mine"}], on=["id"])


@writes(WrongTenant)
async def upsert_for_another(db: Database) -> Any:
    await Paper.upsert_all([{"code": "c5", "account_id": 2}], on=["code"])


@writes(NotUnique)
async def find_or_create(db: Database) -> Any:
    await Paper.find_or_create(code="c2")


@writes(0)
async def update_all(db: Database) -> Any:
    return await Paper.where(id=2).update_all(title="mine")


@writes(0)
async def update_all_of_a_page(db: Database) -> Any:
    return await Paper.where(code="c2").limit(5).update_all(title="mine")


@writes(WrongTenant)
async def move_in_bulk(db: Database) -> Any:
    await Paper.all().update_all(account_id=2)


@writes(WrongTenant)
async def move_in_bulk_by_an_expression(db: Database) -> Any:
    await Paper.all().update_all(account_id=Paper.account_id + 1)


@writes(0)
async def delete_all(db: Database) -> Any:
    return await Paper.where(id=2).delete_all()


@writes(0)
async def delete_all_found(db: Database) -> Any:
    return await Paper.matching("minutes").where(id=2).delete_all()


@writes(WrongTenant)
async def own_add(db: Database) -> Any:
    async with db.transaction() as session:
        session.add(Paper(code="c3", account_id=2))


@writes(WrongTenant)
async def own_delete(db: Database) -> Any:
    paper, _ = await of_two()
    async with db.transaction() as session:
        await session.delete(paper)


@writes(NotUnique)
async def own_merge(db: Database) -> Any:
    async with db.transaction() as session:
        await session.merge(Paper(id=2, code="mine"))


@writes(WrongTenant)
async def own_insert(db: Database) -> Any:
    async with db.transaction() as session:
        await session.execute(insert(Paper).values(code="c3", account_id=2))


@writes(WrongTenant)
async def own_insert_of_many(db: Database) -> Any:
    async with db.transaction() as session:
        await session.execute(insert(Paper), [{"code": "c3", "account_id": 2}])


@writes(NoTenant)
async def own_update_by_key(db: Database) -> Any:
    async with db.transaction() as session:
        await session.execute(update(Paper), [{"id": 2, "title": "mine"}])


@writes(0)
async def own_update(db: Database) -> Any:
    async with db.transaction() as session:
        done: Any = await session.execute(
            update(Paper).where(loose(Paper.code == "c2")).values(title="m")
        )
        return done.rowcount


@writes(0)
async def own_delete_statement(db: Database) -> Any:
    async with db.transaction() as session:
        done: Any = await session.execute(delete(Paper).where(loose(Paper.code == "c2")))
        return done.rowcount


@writes(NoTenant)
async def own_statement_on_the_table(db: Database) -> Any:
    async with db.transaction() as session:
        await session.execute(loose(Paper).__table__.update().values(title="mine"))


@writes(WrongTenant)
async def unpickled(db: Database) -> Any:
    paper, _ = await of_two()
    await pickle.loads(pickle.dumps(paper)).update(title="mine")


@writes(WrongTenant)
async def partly_loaded_save(db: Database) -> Any:
    with tenant(2):
        paper = await Paper.where(id=2).only("title").one()
    await paper.update(title="mine")


async def outcome(function: Attempt, db: Database) -> Any:
    try:
        return await function(db)
    except OrmError as error:
        return type(error)


@pytest.mark.extra("pandas")
async def test_every_read_gives_the_tenants_own_rows(db: Database) -> None:
    wrong = {}
    for name, (function, expected) in READS.items():
        with tenant(1):
            found = await outcome(function, db)
        if found != expected:
            wrong[name] = found
    assert wrong == {}


def test_every_method_of_a_query_was_tried() -> None:
    chained = {"with_deleted", "only_deleted"}  # see test_soft_delete_relations
    tried = Path(__file__).read_text()
    names = {name for kind in (Query, Rows) for name in dir(kind) if not name.startswith("_")}
    assert {name for name in names if f".{name}(" not in tried} <= chained


async def test_the_same_shapes_serve_both_tenants(db: Database) -> None:
    for key in (1, 2, 1):
        with all_tenants():
            assert len(await Paper.where(title="minutes", id__in=[1, 2, 3]).order("-id")) == 2
            assert (await Paper.get(2)).code == "c2"
        with tenant(key):
            assert [one.id for one in await Paper.all()] == [key]
            assert await Paper.all().pluck("id") == [key]
            assert (await Paper.get(key)).code == f"c{key}"
            mine = Paper.where(title="minutes", id__in=[1, 2, 3]).order("-id")
            assert [one.id for one in await mine.limit(5)] == [key]
            assert [one.id for one in await mine.limit(5).offset(0)] == [key]
            assert await mine.offset(1).all() == []
            assert await Paper.find(3 - key) is None
            async with db.session() as session:
                assert list(await session.scalars(select(Paper.id))) == [key]


async def test_no_write_reaches_another_tenant(db: Database) -> None:
    before = await everything()
    wrong = {}
    for name, (function, expected) in WRITES.items():
        with tenant(1):
            found = await outcome(function, db)
        if found != expected or await everything() != before:
            wrong[name] = (found, await everything())
            break
    assert wrong == {}


@pytest.mark.extra("pandas")
async def test_without_a_tenant_nothing_is_read_or_written(db: Database) -> None:
    paper, _ = await of_two()
    before = await everything()
    refused = {
        name: found
        for name, (function, _) in {**READS, **WRITES}.items()
        if (found := await outcome(function, db)) is not NoTenant
    }
    assert refused == {}
    assert await everything() == before
    with pytest.raises(NoTenant, match="with tenant"):
        Paper(code="c9")
    with pytest.raises(NoTenant):
        await paper.update(title="x")
    assert await Account.count() == 2  # no tenant's


async def test_a_tenants_own_rows_are_written(db: Database) -> None:
    with tenant(2):
        paper = await Paper.create(code="mine", title="a")
        assert paper.account_id == 2
        await paper.update(title="b")
        async with db.transaction():
            await paper.update(title="c")
            made = await Writer(name="new", papers=[paper]).save()
        (other,) = await Paper.insert_all([{"code": "more"}])
        assert (made.account_id, other.account_id) == (2, 2)
        (again,) = await Paper.upsert_all([{"code": "more", "title": "z"}], on=["code"])
        assert (again.id, again.title) == (other.id, "z")
        assert await Paper.where(code="mine").update_all(title="d") == 1
        assert await Paper.where(code="mine").delete_all() == 1
        await other.destroy()
        assert await Paper.count() == 1
        assert (await pickle.loads(pickle.dumps(made)).reload()).name == "new"


async def test_all_tenants_are_for_administration(db: Database) -> None:
    with all_tenants():
        assert await Paper.count() == 2
        assert len(await db.sql("SELECT * FROM papers")) == 2
        assert [len(one.papers) for one in await Account.order("id").include("papers")] == [1, 1]
        assert await Paper.all().update_all(title="x") == 2
        await (await Paper.get(1)).update(account_id=2)
        with pytest.raises(NoTenant, match="give the key"):
            Paper(code="c9")
        assert (await Paper.create(code="c9", account_id=1)).account_id == 1
        with tenant(2):
            assert await Paper.count() == 2
        assert await Paper.count() == 3


async def test_rows_read_by_all_tenants_load_along_with_their_own(db: Database) -> None:
    with all_tenants():
        writers = await Writer.order("id")
    for key, writer in zip((1, 2), writers, strict=True):
        with tenant(key):
            assert [paper.id for paper in await loose(writer.papers)] == [key]


async def test_tasks_have_the_tenant_that_they_began_in(db: Database) -> None:
    async def mine(key: int) -> list[int]:
        with tenant(key):
            await asyncio.sleep(0)
            return [await Paper.all().max("id") for _ in range(3)]

    assert list(await asyncio.gather(mine(1), mine(2))) == [[1] * 3, [2] * 3]
    with tenant(1):
        task = asyncio.create_task(Paper.exists(code="c2"))
    with tenant(2):
        assert await task is False
    with pytest.raises(ConfigurationError):
        tenant(None).__enter__()


async def test_a_model_out_of_its_set_keeps_its_conditions(db: Database) -> None:
    with tenant(1), scratch_models():
        assert await Paper.find(2) is None
        assert await Paper.all().pluck("id") == [1]
        assert [one.id for one in await Paper.where(title="minutes")] == [1]
        with pytest.raises(WrongTenant):
            await Paper.create(code="c3", account_id=2)


class Kept:
    """A cache that keeps everything it was given."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    async def fetch(
        self,
        key: str,
        load: Callable[[], Awaitable[str]],
        *,
        ttl: float | None = None,
        tags: Iterable[str] = (),
    ) -> Any:
        if key not in self.texts:
            self.texts[key] = await load()
        return self.texts[key]

    async def invalidate_tags(self, *tags: str) -> None:
        self.texts.clear()


async def test_a_cached_query_is_kept_for_each_tenant(anyio_backend: object) -> None:
    kept = Kept()
    with MODELS:
        async with Database("memory:", query_cache=kept) as db:
            await db.create_all()
            for key in (1, 2):
                await Account.create(name=f"a{key}")
                with tenant(key):
                    await Paper.create(code=f"c{key}", title="minutes")
            query = Paper.where(title="minutes").include("account").cached()
            for key in (1, 2, 1, 2):
                with tenant(key):
                    assert [(one.id, one.account_id) for one in await query] == [(key, key)]
            assert len(kept.texts) == 4
            with all_tenants():
                assert len(await query) == 2
            with pytest.raises(NoTenant):
                await query


def test_the_sync_facade_has_the_tenant(tmp_path: Any) -> None:
    with MODELS, Database(f"sqlite:///{tmp_path}/a.db").sync as s:
        s.create_all()
        s(Account).create(name="a1")
        with tenant(1):
            s(Paper).create(code="c1")
            assert s(Paper).count() == 1
        with tenant(2):
            assert s(Paper).count() == 0
        with pytest.raises(NoTenant):
            s(Paper).count()

"""The public API as users write it; type-checked, never run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, assert_type

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.hybrid import hybrid_property

from mizzen.orm import (
    Change,
    Database,
    Diagram,
    Field,
    Hit,
    Listening,
    Model,
    Query,
    QueryRun,
    Related,
    Relationship,
    Results,
    SearchIndex,
    SoftDelete,
    SyncModel,
    SyncQuery,
    TenantKey,
    Timestamps,
    after_commit,
    all_tenants,
    before_save,
    reset_counters,
    tenant,
    trace_queries,
)
from mizzen.orm.abc import QueryCache  # noqa: TC001
from mizzen.orm.meta import Check, Column, Table
from mizzen.orm.testing import Factory, TemplateDatabase, assert_queries, sandbox, sequence


class User(Model):
    name: str = Field(unique=True)
    posts: list[Post] = Relationship(back_populates="author")


class Post(Timestamps, Model):
    id: str = Field(primary_key=True)
    title: str
    stars: int = 0
    author_id: int | None = Field(default=None, foreign_key="users.id", ondelete="CASCADE")
    author: User | None = Relationship(back_populates="posts")
    search = SearchIndex("title")


async def reading() -> None:
    assert_type(await Post.get("a"), Post)
    assert_type(await Post.find("a"), Post | None)
    assert_type(await Post.find_by(title="x"), Post | None)
    query = Post.where(Post.title == "x", stars__gt=3).order("-created_at").limit(20)
    assert_type(query, Query[Post])
    assert_type(await query, Results[Post])
    assert_type(await query.first(), Post | None)
    assert_type(await query.one(), Post)
    assert_type(await query.count(), int)
    assert_type(await query.exists(), bool)
    async for post in query.include("author"):
        assert_type(post, Post)
    assert_type(await Post.matching("loop*").join(User).where(User.name == "ann"), Results[Post])
    (hit,) = await Post.matching("loop*").order("-stars").hits(5, snippet={"title": 9})
    assert_type(hit, Hit[Post])
    assert_type(hit.row.title, str)
    assert_type(hit.rank, float)
    assert_type(hit.highlights["title"], str)
    assert_type((await Post.search.check()).ok, bool)


async def writing(db: Database) -> None:
    post = await Post(id="a", title="x").save()
    assert_type(post, Post)
    assert_type(await post.update(title="y"), Post)
    assert_type(await Post.create(id="b", title="z"), Post)
    assert_type(await Post.insert_all([{"id": "c", "title": "z"}]), list[Post])
    assert_type(await Post.copy_all([{"id": "d", "title": "z"}]), int)
    assert_type(await Post.all().copy_all(iter([Post(id="e", title="z")])), int)
    assert_type(await Post.all().update_all(stars=Post.stars + 1), int)
    async with db.transaction() as session:
        assert_type(session, AsyncSession)
        await post.destroy()


async def trying(db: Database, post: Post) -> None:
    async for attempt in db.attempts(3, isolation="serializable", pause="5ms"):
        async with attempt as session:
            assert_type(session, AsyncSession)
            assert_type(attempt.number, int)
            assert_type(await post.lock(nowait=True), Post)
    async with db.transaction(isolation="repeatable read", readonly=True) as session:
        assert_type(session, AsyncSession)
    with Database("memory:", replicas=["sqlite:///b.db"], sticky=2).primary():
        assert_type(await Post.all().count(), int)


async def opening() -> None:
    async with Database("sqlite:///app.db", timeout="10s") as db:
        migrations = db.migrations("migrations")
        await migrations.make("first")
        assert_type([step.revision for step in await migrations.up()], list[str])
        patient = db.migrations("migrations", lock_timeout="1s", tries=3, wait=60)
        assert_type(await patient.sql("down", steps=1), str)
        assert_type([finding.rule for finding in await patient.lint(pending=True)], list[str])


async def the_catalogue(db: Database) -> None:
    columns = [Column("id", "integer", primary_key=True), Column("n", "integer", default=1)]
    made = await db.meta.create_table("t", columns, checks=[Check(text("n > 0"))])
    assert_type(made, Table)
    assert_type(await db.meta.columns("t"), list[Column])
    assert_type(await db.meta.models("t"), dict[str, type[Model]])
    assert_type((await db.meta.execute("SELECT :1", 1)).columns, tuple[str, ...])


def without_await(db: Database) -> None:
    with db.sync as s, s.transaction() as session:
        assert_type(session, AsyncSession)
        assert_type(s(User), SyncModel[User])
        assert_type(s(User).create(name="ann"), User)
        assert_type(s(Post).where(title="x").order("-id"), SyncQuery[Post])
        assert_type(s(Post.where(title="x")).all(), list[Post])
        assert_type(s(Post).first(), Post | None)
        assert_type(s(s(Post).get("a")).update(title="y"), Post)
        assert_type(s.run(Post.where()), Results[Post])
        assert_type(s(Post.get("a")), Post)
        for user in s(User):
            assert_type(user, User)


async def showing(db: Database) -> None:
    assert_type(db.diagram().svg, str)
    assert_type(await Diagram.read(db, columns="keys"), Diagram)
    rows = await Post.where()
    assert_type(rows[0], Post)
    assert_type(rows[:3], Results[Post])


class Draft(Timestamps, SoftDelete, Model):
    account_id: int = TenantKey(foreign_key="accounts.id")
    text: str


async def hiding(db: Database, draft: Draft) -> None:
    with tenant(42), db.schema("acme", shared=["public"]):
        assert_type(await Draft.create(text="x"), Draft)
        await draft.destroy()
        await draft.destroy(hard=True)
        assert_type(await draft.restore(), Draft)
        assert_type(await Draft.with_deleted(), Results[Draft])
        assert_type(await Draft.only_deleted().delete_all(hard=True), int)
        assert_type(draft.account_id, int)
    with all_tenants(), db.acting_as("authenticated", claims={"sub": "ann"}):
        assert_type(await Draft.where(account_id=1).with_deleted().first(), Draft | None)


class Team(Model):
    name: str
    players: Related[Player] = Relationship(back_populates="team", dependent="destroy")
    remarks: Related[Remark] = Relationship(as_="about")
    mentors: Related[Team] = Relationship(through="players.team")


class Player(Model):
    team_id: int | None = Field(default=None, foreign_key="teams.id")
    team: Team | None = Relationship(back_populates="players", counter_cache="n", touch=True)


class Remark(Model):
    about: Team | Player = Relationship(polymorphic=True)


async def relating(team: Team, player: Player, remark: Remark) -> None:
    assert_type(await team.players, Related[Player])
    assert_type((await team.players)[0], Player)
    await team.players.add(player)
    await team.players.discard(player)
    await team.players.replace([player])
    assert_type(await team.players.create(), Player)
    assert_type(team.players.where(team=team), Query[Player])
    assert_type(remark.about, Team | Player)
    assert_type(await reset_counters(Team), int)
    assert_type(await reset_counters(Team.where(name="x"), "n"), int)


class Animal(Model, discriminator="kind"):
    name: str


class Whale(Animal, joined=True, identity="w"):
    length: float = 0.0

    @hybrid_property
    def is_long(self) -> bool:
        return self.length > 10


async def inheriting(whale: Whale) -> None:
    assert_type(await Whale.create(name="moby", length=9.5), Whale)
    assert_type(await Animal.get(1), Animal)
    assert_type(await Whale.where(Whale.is_long), Results[Whale])
    assert_type(await Whale.get(("a", 1)), Whale)
    assert_type((whale.name, whale.length, whale.is_long), tuple[str, float, bool])


class TeamFactory(Factory[Team]):
    name = sequence("team {n}")


async def watching(db: Database, cache: QueryCache) -> None:
    with db.on_query(lambda run: assert_type(run, QueryRun)) as observing:
        assert_type(await Team.where().strict_loading().cached("1m"), Results[Team])
    observing.stop()
    with db.detect_n_plus_one(limit=5, on="warn"), assert_queries(at_most=3) as counted:
        assert_type(counted.runs[0].source, str | None)
    with trace_queries(db):
        assert_type(Database("memory:", query_cache=cache, slow_queries="1s").url, str)


async def in_tests(db: Database) -> None:
    async with sandbox(db) as same:
        assert_type(same, Database)
        assert_type(TeamFactory.build(name="x"), Team)
        assert_type(await TeamFactory.create_many(3), list[Team])
    prepared = TemplateDatabase("memory:", lambda made: made.create_all())
    async with prepared as template, template.database() as copy:
        assert_type(copy, Database)


class Letter(Model):
    title: str
    lock_version: int = 1

    @before_save(if_changed="title")
    def tidy(self) -> None:
        self.title = self.title.strip()

    @after_commit
    async def send(self) -> None: ...


async def following(db: Database, letter: Letter) -> None:
    assert_type(letter.changes, dict[str, tuple[Any, Any]])
    assert_type(letter.previous_changes, dict[str, tuple[Any, Any]])
    assert_type(letter.is_new, bool)
    with db.on_change(lambda change: assert_type(change, Change), Letter) as listening:
        assert_type(listening, Listening)
    async with db.changes(Letter) as changes:
        async for change in changes:
            assert_type(change.after, Mapping[str, Any] | None)
            assert_type(change.table, str)

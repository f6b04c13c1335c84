"""The public API as users write it; type-checked, never run."""

from __future__ import annotations

from typing import assert_type

from sqlalchemy.ext.asyncio import AsyncSession

from mizzen.orm import Database, Field, Model, Query, Relationship, SearchIndex, Timestamps


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
    assert_type(await query, list[Post])
    assert_type(await query.first(), Post | None)
    assert_type(await query.one(), Post)
    assert_type(await query.count(), int)
    assert_type(await query.exists(), bool)
    async for post in query.include("author"):
        assert_type(post, Post)
    assert_type(await Post.matching("loop*").join(User).where(User.name == "ann"), list[Post])


async def writing(db: Database) -> None:
    post = await Post(id="a", title="x").save()
    assert_type(post, Post)
    assert_type(await post.update(title="y"), Post)
    assert_type(await Post.create(id="b", title="z"), Post)
    assert_type(await Post.insert_all([{"id": "c", "title": "z"}]), list[Post])
    assert_type(await Post.all().update_all(stars=Post.stars + 1), int)
    async with db.transaction() as session:
        assert_type(session, AsyncSession)
        await post.destroy()


async def opening() -> None:
    async with Database("sqlite:///app.db", timeout="10s") as db:
        migrations = db.migrations("migrations")
        await migrations.make("first")
        assert_type([step.revision for step in await migrations.up()], list[str])

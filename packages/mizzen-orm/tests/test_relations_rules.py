"""What writes do to related rows: counter caches, touch, dependents."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from mizzen.orm import (
    Abort,
    ConfigurationError,
    ConstraintFailed,
    Database,
    Field,
    Model,
    NotFound,
    Related,
    Relationship,
    Restricted,
    SoftDelete,
    Timestamps,
    before_destroy,
    reset_counters,
)
from mizzen.orm.testing import scratch_models

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

with scratch_models() as MODELS:

    class Tagging(Model):
        topic_id: int = Field(foreign_key="topics.id", primary_key=True)
        tag_id: int = Field(foreign_key="tags.id", primary_key=True)

    class Site(Timestamps, Model):
        name: str
        forums: Related[Forum] = Relationship(back_populates="site", dependent="restrict")

    class Forum(Timestamps, Model):
        name: str
        topics_count: int = 0
        pinned_count: int = 0
        site_id: int | None = Field(default=None, foreign_key="sites.id")
        site: Site | None = Relationship(back_populates="forums", touch=True)
        topics: Related[Topic] = Relationship(
            back_populates="forum", foreign_key="forum_id", dependent="destroy"
        )

    class Topic(Timestamps, Model):
        title: str
        remarks_count: int = 0
        lock_version: int = 0
        forum_id: int | None = Field(default=None, foreign_key="forums.id")
        pinned_id: int | None = Field(default=None, foreign_key="forums.id")
        forum: Forum | None = Relationship(
            back_populates="topics",
            foreign_key="forum_id",
            counter_cache="topics_count",
            touch=True,
        )
        pinned: Forum | None = Relationship(foreign_key="pinned_id", counter_cache="pinned_count")
        remarks: Related[Remark] = Relationship(as_="about", dependent="destroy")
        poll: Poll | None = Relationship(back_populates="topic", dependent="delete")
        tags: Related[Tag] = Relationship(link_model=Tagging, dependent="delete")
        readers: Related[Reader] = Relationship(back_populates="topic", dependent="nullify")

        @before_destroy
        def told(self) -> None:
            DESTROYED.append(self.title)
            if self.title == "kept":
                raise Abort("kept")

    class Remark(SoftDelete, Model):
        text: str
        about: Topic | Forum = Relationship(
            polymorphic=True, counter_cache="remarks_count", touch="updated_at"
        )

    class Poll(Model):
        topic_id: int = Field(foreign_key="topics.id", unique=True)
        topic: Topic = Relationship(back_populates="poll")

    class Tag(Model):
        word: str

    class Reader(Model):
        topic_id: int | None = Field(default=None, foreign_key="topics.id")
        topic: Topic | None = Relationship(back_populates="readers")

    class Folder(Model):
        name: str
        folders_count: int = 0
        parent_id: int | None = Field(default=None, foreign_key="folders.id")
        parent: Folder | None = Relationship(
            back_populates="folders", counter_cache="folders_count"
        )
        folders: Related[Folder] = Relationship(back_populates="parent", dependent="destroy")


DESTROYED: list[str] = []


@pytest.fixture
async def db(database_url: str, anyio_backend: object) -> AsyncGenerator[Database]:
    with MODELS:
        async with Database(database_url) as database:
            await database.create_all()
            DESTROYED.clear()
            yield database


@pytest.fixture
async def forums(db: Database) -> tuple[Forum, Forum]:
    site = await Site.create(name="s")
    return await Forum.create(name="a", site=site), await Forum.create(name="b", site=site)


async def counts(field: str = "topics_count") -> list[int]:
    return await Forum.order("name").pluck(field)


def model_of(row: object) -> Any:
    return type(row)


async def make_old(*rows: Any) -> None:
    """Set the rows' updated_at back by a day."""
    for row in rows:
        await (
            model_of(row).where(id=row.id).update_all(updated_at=row.created_at - timedelta(days=1))
        )


async def is_fresh(row: Any) -> bool:
    again = await model_of(row).get(row.id)
    return bool(again.updated_at > again.created_at - timedelta(hours=1))


async def test_a_counter_follows_create_move_and_destroy(
    db: Database, forums: tuple[Forum, Forum]
) -> None:
    first, second = forums
    topic = await Topic.create(title="t", forum=first)
    assert first.topics_count == 1  # on the object at hand, too
    other = await Topic.create(title="u", forum_id=first.id, pinned_id=second.id)
    assert await counts() == [2, 0]
    assert await counts("pinned_count") == [0, 1]
    await topic.update(title="renamed")
    assert await counts() == [2, 0]
    await topic.update(forum=second)
    assert await counts() == [1, 1]
    await other.update(forum_id=None)
    assert await counts() == [0, 1]
    await Topic.create(title="nowhere")
    moved = await Topic.get(topic.id)
    moved.forum_id = first.id
    await moved.destroy()  # the move was never saved
    assert await counts() == [0, 0]


async def test_rows_saved_along_are_counted(db: Database, forums: tuple[Forum, Forum]) -> None:
    forum = await Forum.create(name="c", topics=[Topic(title="x"), Topic(title="y")])
    assert (await Forum.get(forum.id)).topics_count == 2
    await forum.topics.create(title="z")
    await forum.topics.add(await Topic.create(title="w", forum=forums[0]))
    assert await counts() == [0, 0, 4]


async def test_a_polymorphic_reference_counts(db: Database, forums: tuple[Forum, Forum]) -> None:
    topic, other = await Topic.create(title="t"), await Topic.create(title="u")
    remark = await Remark.create(text="r", about=topic)
    await topic.remarks.create(text="s")
    assert await Topic.order("title").pluck("remarks_count") == [2, 0]
    await remark.update(about=other)
    assert await Topic.order("title").pluck("remarks_count") == [1, 1]
    await make_old(forums[0])
    await Remark.create(text="x", about=forums[0])  # which counts no remarks
    assert await is_fresh(forums[0])


async def test_what_is_hidden_is_not_counted(db: Database) -> None:
    topic = await Topic.create(title="t")
    remark = await topic.remarks.create(text="r")
    await remark.destroy()
    assert await Topic.all().pluck("remarks_count") == [0]
    await remark.restore()
    assert await Topic.all().pluck("remarks_count") == [1]
    await remark.destroy()
    await remark.destroy(hard=True)
    assert await Topic.all().pluck("remarks_count") == [0]
    await topic.remarks.create(text="again")
    await (await Remark.where().one()).destroy()
    assert await reset_counters(Topic) == 0


async def test_a_rollback_takes_the_counter_back(db: Database, forums: tuple[Forum, Forum]) -> None:
    async with db.transaction():
        await Topic.create(title="kept back", forum=forums[0])
        with pytest.raises(ZeroDivisionError):
            async with db.transaction():
                await Topic.create(title="t", forum_id=forums[0].id)
                assert (await Forum.get(forums[0].id)).topics_count == 2
                _ = 1 / 0
    assert await counts() == [1, 0]
    await Topic.create(title="kept", forum=forums[0])
    with pytest.raises(Abort):
        await (await Topic.where(title="kept").one()).destroy()
    assert await counts() == [2, 0]


async def test_concurrent_writers_lose_no_count(db: Database, forums: tuple[Forum, Forum]) -> None:
    first, second = forums
    topics = await asyncio.gather(
        *(Topic.create(title=f"t{n}", forum_id=first.id) for n in range(20))
    )
    assert await counts() == [20, 0]
    moving = [topic.update(forum_id=second.id) for topic in topics[:10]]
    await asyncio.gather(*moving, *(topic.destroy() for topic in topics[10:15]))
    assert await counts() == [5, 10]
    there, back = topics[:5], topics[15:]
    crossing = [topic.update(forum_id=first.id) for topic in there]
    await asyncio.gather(*crossing, *(topic.update(forum_id=second.id) for topic in back))
    assert await counts() == [5, 10]


async def test_bulk_writes_do_not_count_and_can_be_mended(
    db: Database, forums: tuple[Forum, Forum]
) -> None:
    first, second = forums
    await Topic.insert_all([{"title": "a", "forum_id": first.id, "pinned_id": second.id}])
    await Topic.insert_all([{"title": "b", "forum_id": second.id}, {"title": "c"}])
    await Remark.insert_all([{"text": "r", "about_type": "Topic", "about_id": 1}])
    assert await counts() == [0, 0]
    await make_old(first)
    assert await reset_counters(Forum.where(id=first.id), "topics_count") == 1
    assert await counts() == [1, 0]
    assert await reset_counters(Forum) == 2
    assert (await counts(), await counts("pinned_count")) == ([1, 1], [0, 1])
    assert await reset_counters(Forum) == 0
    assert await reset_counters(Topic) == 1
    assert not await is_fresh(first)
    with pytest.raises(ConfigurationError, match="Forum has no 'likes': no relation says"):
        await reset_counters(Forum, "likes")
    with pytest.raises(ConfigurationError, match="Site has no counters"):
        await reset_counters(Site)


async def test_a_counter_leaves_the_rest_of_the_row_alone(
    db: Database, forums: tuple[Forum, Forum]
) -> None:
    topic = await Topic.create(title="t", pinned_id=forums[1].id)
    await make_old(forums[1])
    await (await Topic.create(title="u", pinned_id=forums[1].id)).destroy()
    assert not await is_fresh(forums[1])
    await Remark.create(text="r", about_type="Topic", about_id=topic.id)
    await topic.update(title="not stale")  # the counter did not move its lock_version
    assert (await Topic.get(topic.id)).remarks_count == 1


async def test_touch_goes_up_the_chain(db: Database, forums: tuple[Forum, Forum]) -> None:
    first, second = forums
    site = await Site.get(1)
    topic = await Topic.create(title="t", forum=first)
    for write in (
        lambda: Remark.create(text="r", about=topic),
        lambda: topic.update(title="u"),
        lambda: topic.update(forum=second),
        lambda: topic.destroy(),
    ):
        await make_old(first, second, site)
        await write()
        assert await is_fresh(site)
        assert (await is_fresh(first)) or (await is_fresh(second))
    await make_old(first, site)
    await (await Forum.get(first.id)).save()  # nothing changed
    assert not await is_fresh(site)


async def test_dependents_follow_their_rules(db: Database, forums: tuple[Forum, Forum]) -> None:
    topic = await Topic.create(title="t", forum=forums[0])
    remark = await topic.remarks.create(text="r")
    await Poll.create(topic=topic)
    await topic.tags.create(word="x")
    reader = await Reader.create(topic=topic)
    await topic.load("readers", "tags", "poll")
    await topic.destroy()
    assert [await model.all().count() for model in (Poll, Tagging, Tag, Reader)] == [0, 0, 1, 1]
    assert (await Reader.get(reader.id)).topic_id is None
    assert [row.id for row in await Remark.only_deleted()] == [remark.id]
    assert await counts() == [0, 0]


async def test_destroy_runs_the_rules_and_callbacks_of_the_children(
    db: Database, forums: tuple[Forum, Forum]
) -> None:
    forum = await Forum.get(forums[0].id)
    for title in ("a", "b"):
        await Reader.create(topic=await forum.topics.create(title=title))
    await forum.destroy()
    assert sorted(DESTROYED) == ["a", "b"]
    assert await Topic.all().count() == 0
    assert await Reader.where(topic=None).count() == 2


async def test_a_child_that_refuses_keeps_everything(
    db: Database, forums: tuple[Forum, Forum]
) -> None:
    for title in ("a", "kept"):
        await forums[0].topics.create(title=title)
    with pytest.raises(Abort):
        await forums[0].destroy()
    assert await counts() == [2, 0]
    assert await Topic.order("title").pluck("title") == ["a", "kept"]


async def test_restrict_names_what_is_in_the_way(db: Database, forums: tuple[Forum, Forum]) -> None:
    site = await Site.get(1)
    with pytest.raises(Restricted, match="this Site has 2 forums: destroy or move") as caught:
        await site.destroy()
    assert isinstance(caught.value, ConstraintFailed)
    assert (caught.value.count, vars(caught.value)["relation"]) == (2, "forums")
    for forum in forums:
        await forum.destroy()
    await site.destroy()
    with pytest.raises(NotFound):
        await Site.get(site.id)


async def test_a_counter_that_is_not_there_is_said() -> None:
    with scratch_models():

        class Box(Model):
            name: str = ""

        class Ball(Model):
            box_id: int = Field(foreign_key="boxes.id")
            box: Box = Relationship(counter_cache="balls_count")

        async with Database("memory:") as other:
            await other.create_all()
            with pytest.raises(ConfigurationError, match="Box has no field 'balls_count'"):
                await Ball.create(box=await Box.create())
            assert await Ball.all().count() == 0


async def test_a_tree_is_destroyed_and_counted(db: Database) -> None:
    root = await Folder.create(name="root")
    for name in ("a", "b"):
        await Folder.create(name=f"{name}1", parent=await Folder.create(name=name, parent=root))
    assert dict(await Folder.all().pluck("name", "folders_count"))["root"] == 2
    await (await Folder.where(name="a").one()).destroy()
    assert dict(await Folder.all().pluck("name", "folders_count")) == {"root": 1, "b": 1, "b1": 0}
    await Folder.all().update_all(folders_count=9)
    assert await reset_counters(Folder) == 3
    assert dict(await Folder.all().pluck("name", "folders_count")) == {"root": 1, "b": 1, "b1": 0}
    await root.destroy()
    assert await Folder.all().count() == 0


async def test_rules_on_the_wrong_side_are_refused() -> None:
    with scratch_models():

        class Left(Model):
            right_id: int | None = Field(default=None, foreign_key="rights.id")
            right: Right | None = Relationship(back_populates="left", dependent="destroy")

        class Right(Model):
            left: Left | None = Relationship(back_populates="right", counter_cache="n")

        async with Database("memory:") as other:
            await other.create_all()
            with pytest.raises(ConfigurationError, match="dependent= goes on the side"):
                await (await Left.create()).destroy()
            with pytest.raises(ConfigurationError, match="counter_cache= and touch= go"):
                await Right.create(left=await Left.create())


async def test_a_model_defined_again_counts_once() -> None:
    with scratch_models():

        class Bag(Model):
            n: int = 0

        scope: dict[str, Any] = {}
        for _ in range(3):
            scope |= {**globals(), "Bag": Bag}
            exec(
                "class Coin(Model):\n"
                "    bag_id: int = Field(foreign_key='bags.id')\n"
                "    bag: Bag = Relationship(counter_cache='n')\n",
                scope,
            )
        async with Database("memory:") as other:
            await other.create_all()
            bag = await Bag.create()
            coin = scope["Coin"]
            await coin.create(bag=bag)
            assert (await Bag.get(bag.id)).n == 1

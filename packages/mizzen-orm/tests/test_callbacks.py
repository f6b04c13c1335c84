"""What a save and a destroy go through: callbacks in order, one transaction, the end told once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from mizzen.orm import (
    Abort,
    Database,
    Field,
    Model,
    NotUnique,
    Relationship,
    after_commit,
    after_create,
    after_destroy,
    after_rollback,
    after_save,
    after_update,
    after_validate,
    before_create,
    before_destroy,
    before_save,
    before_update,
    before_validate,
)
from mizzen.orm.testing import scratch_models

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

SAID: list[str] = []

with scratch_models() as MODELS:

    class Post(Model):
        title: str = Field(unique=True)
        slug: str = ""
        stars: int = 0
        remarks: list[Remark] = Relationship(back_populates="post")

        @before_validate
        @after_validate
        @before_save
        @before_create
        @before_update
        @before_destroy
        def _hear(self) -> None:
            """Stands for the methods below; see `test_the_order`."""

        @before_save(if_changed="title")
        def make_slug(self) -> None:
            self.slug = self.title.lower().replace(" ", "-")

        @before_save
        async def refuse(self) -> None:
            await asyncio.sleep(0)
            if self.title == "forbidden":
                raise Abort("this title is not taken")

        @after_save
        def fail_late(self) -> None:
            if self.title == "late":
                raise KeyError("late")

        @after_commit
        def committed(self) -> None:
            SAID.append(f"committed {self.title}")

        @after_commit(on="create")
        async def welcomed(self) -> None:
            await Remark.create(text=f"welcome {self.title}", post_id=self.id)

        @after_rollback
        def undone(self) -> None:
            SAID.append(f"undone {self.title}")

    class Remark(Model):
        text: str
        post_id: int | None = Field(default=None, foreign_key="posts.id", ondelete="CASCADE")
        post: Post | None = Relationship(back_populates="remarks")

        @after_create
        async def count(self) -> None:
            if self.text == "count":
                await Post.where(id=self.post_id).update_all(stars=Post.stars + 1)

        @after_update
        @after_destroy
        def tell(self) -> None:
            SAID.append(f"remark {self.text}")

    class Log(Model):
        text: str


@pytest.fixture
async def db(database_url: str, anyio_backend: object) -> AsyncGenerator[Database]:
    SAID.clear()
    with MODELS:
        async with Database(database_url) as database:
            await database.create_all()
            yield database


async def test_the_order(db: Database) -> None:
    with scratch_models():
        heard: list[str] = []

        def hear(event: str) -> Callable[[object], None]:
            return lambda _: heard.append(event)

        class Note(Model):
            title: str

        for what in ("validate", "save", "create", "update", "destroy"):
            for time in ("before", "after"):
                Note.on(f"{time}_{what}", hear(f"{time}_{what}"))
        Note.on("after_commit", hear("after_commit"))
        await db.create_all()
        note = await Note.create(title="a")
        start = ["before_validate", "after_validate", "before_save"]
        create = [*start, "before_create", "after_create", "after_save", "after_commit"]
        assert heard == create
        heard.clear()
        await note.update(title="b")
        assert heard == [word.replace("create", "update") for word in create]
        heard.clear()
        await note.destroy()
        assert heard == ["before_destroy", "after_destroy", "after_commit"]


async def test_a_callback_changes_what_is_written(db: Database) -> None:
    post = await Post.create(title="Hello World")
    assert (await Post.get(post.id)).slug == "hello-world"
    post.slug = "mine"
    await post.save()
    assert (await Post.get(post.id)).slug == "mine"  # the title was not written
    await post.update(title="Other")
    assert (await Post.get(post.id)).slug == "other"
    assert post.previous_changes == {"title": ("Hello World", "Other"), "slug": ("mine", "other")}


async def test_abort_writes_nothing(db: Database) -> None:
    with pytest.raises(Abort, match="not taken") as caught:
        await Post.create(title="forbidden")
    assert vars(caught.value) == {"model": "Post", "event": "before_save"}
    assert await Post.all().count() == 0
    post = await Post.create(title="fine")
    with pytest.raises(Abort):
        await post.update(title="forbidden")
    assert (await Post.get(post.id)).title == "fine"
    await post.update(title="finer")
    assert (await Post.get(post.id)).title == "finer"


async def test_an_error_after_the_write_takes_it_back(db: Database) -> None:
    post = Post(title="late", stars=3)
    with pytest.raises(KeyError):
        await post.save()
    assert await Post.all().count() == 0
    assert SAID == ["undone late"]
    assert post.is_new
    post.title = "in time"
    await post.save()
    assert (await Post.get(post.id)).stars == 3


async def test_a_failed_save_leaves_the_transaction_around_it_usable(db: Database) -> None:
    async with db.transaction():
        await Post.create(title="before")
        with pytest.raises(KeyError):
            await Post.create(title="late")
        with pytest.raises(NotUnique):
            await Post.create(title="before")
        await Post.create(title="after")
        assert SAID == ["undone late", "undone before"]
        SAID.clear()
    assert SAID == ["committed before", "committed after"]
    assert sorted(await Post.all().pluck("title")) == ["after", "before"]


async def test_the_end_is_told_once_at_the_outermost_commit(db: Database) -> None:
    async with db.transaction():
        post = await Post.create(title="a")
        async with db.transaction():
            await post.update(title="b")
            await post.update(title="c")
        assert SAID == []
    assert SAID == ["committed c"]
    # after_commit(on="create") wrote a remark, in a transaction of its own.
    assert await Remark.all().pluck("text") == ["welcome c"]


async def test_a_rolled_back_savepoint_drops_its_own(db: Database) -> None:
    async with db.transaction():
        await Post.create(title="kept")
        with pytest.raises(ValueError, match="no"):
            async with db.transaction():
                await Post.create(title="dropped")
                raise ValueError("no")
        assert SAID == ["undone dropped"]
    assert SAID == ["undone dropped", "committed kept"]


async def test_a_rolled_back_transaction_tells_of_the_rollback(db: Database) -> None:
    post = await Post.create(title="a")
    SAID.clear()
    with pytest.raises(ValueError, match="no"):
        async with db.transaction():
            await post.update(title="b")
            await Post.create(title="c")
            raise ValueError("no")
    assert SAID == ["undone b", "undone c"]


async def test_an_after_rollback_error_does_not_hide_the_first(
    db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: object) -> None:
        raise RuntimeError("worse")

    with scratch_models():

        class Note(Model):
            title: str

        Note.on("after_rollback", fail)
        await db.create_all()
        with pytest.raises(ValueError, match="first") as caught:
            async with db.transaction():
                await Note.create(title="a")
                raise ValueError("first")
        assert "worse" in caught.value.__notes__[0]
        assert "after_rollback" in caplog.text


async def test_an_after_commit_error_is_raised_and_the_row_stays(db: Database) -> None:
    def fail(_: object) -> None:
        raise RuntimeError("too late")

    with scratch_models():

        class Note(Model):
            title: str

        Note.on("after_commit", fail)
        await db.create_all()
        with pytest.raises(RuntimeError, match="too late") as caught:
            await Note.create(title="a")
        assert "itself has ended" in caught.value.__notes__[0]
        assert await Note.all().count() == 1


async def test_what_is_saved_along_has_its_turn(db: Database) -> None:
    post = Post(title="A B", remarks=[Remark(text="count"), Remark(text="second")])
    await post.save()
    fresh = await Post.get(post.id)
    assert (fresh.slug, fresh.stars) == ("a-b", 1)
    remark = Remark(text="x", post=Post(title="C D"))
    await remark.save()
    assert (await Post.where(title="C D").one()).slug == "c-d"


async def test_a_callback_may_add_something_to_save(db: Database) -> None:
    with scratch_models():

        class Shelf(Model):
            name: str
            books: list[Book] = Relationship(back_populates="shelf")

            @before_create
            def first_book(self) -> None:
                self.books.append(Book(title="first"))

        class Book(Model):
            title: str
            shelf_id: int | None = Field(default=None, foreign_key="shelfs.id")
            shelf: Shelf | None = Relationship(back_populates="books")

            @before_save
            def shout(self) -> None:
                self.title = self.title.upper()

        await db.create_all()
        await Shelf.create(name="s")
        assert await Book.all().pluck("title") == ["FIRST"]


async def test_destroy_runs_its_callbacks_in_one_transaction(db: Database) -> None:
    remark = await Remark.create(text="gone")
    await remark.destroy()
    assert SAID == ["remark gone"]
    assert await Remark.all().count() == 0


async def test_bulk_methods_run_none(db: Database) -> None:
    await Post.insert_all([{"title": "One Two"}])
    await Post.all().update_all(title="Three Four")
    assert (await Post.all().one()).slug == ""
    await Post.all().delete_all()
    assert SAID == []


async def test_tasks_of_one_transaction_run_their_callbacks(db: Database) -> None:
    async with db.transaction(), asyncio.TaskGroup() as tasks:
        for number in range(5):
            tasks.create_task(Post.create(title=f"Post {number}"))
    assert sorted(await Post.all().pluck("slug")) == [f"post-{number}" for number in range(5)]
    assert sorted(SAID) == [f"committed Post {number}" for number in range(5)]


async def test_a_cell_run_again_keeps_what_was_registered(db: Database) -> None:
    def hear(note: Any) -> None:
        SAID.append(note.title)

    def define() -> Any:
        class Note(Model):
            title: str

        return Note

    with scratch_models():
        define().on("after_save", hear)
        again = define()
        await db.create_all()
        await again.create(title="heard")
    assert SAID == ["heard"]


async def test_callbacks_run_for_what_is_used_through_sync(db: Database) -> None:
    created = await asyncio.to_thread(lambda: db.sync(Post).create(title="From Outside"))
    assert created.slug == "from-outside"
    assert SAID == ["committed From Outside"]

"""References to one of several models: written, loaded, looked up, defined again, migrated."""

from __future__ import annotations

import copy
import pickle
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event

from mizzen.orm import (
    ConfigurationError,
    Database,
    Field,
    Invalid,
    Model,
    NotFound,
    NotLoaded,
    Related,
    Relationship,
    UnknownName,
    Unreadable,
)
from mizzen.orm.testing import scratch_models

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator
    from pathlib import Path

    from mizzen.orm._connections.direct import Answer, Prepared

with scratch_models() as MODELS:

    class Artist(Model):
        name: str
        posts: list[Post] = Relationship(back_populates="artist")
        said: Related[Remark] = Relationship(through="posts.remarks")

    class Post(Model):
        title: str
        artist_id: int | None = Field(default=None, foreign_key="artists.id")
        artist: Artist | None = Relationship(back_populates="posts")
        remarks: Related[Remark] = Relationship(as_="about")
        cover: Cover | None = Relationship(as_="of")

    class Photo(Model):
        url: str
        remarks: Related[Remark] = Relationship(as_="about")

    class Remark(Model):
        text: str
        about: Post | Photo | None = Relationship(polymorphic=True)

    class Cover(Model):
        kind: str
        of_key: int
        of: Post | Photo = Relationship(polymorphic=("kind", "of_key"))


@pytest.fixture
async def db(database_url: str, anyio_backend: object) -> AsyncGenerator[Database]:
    with MODELS:
        async with Database(database_url) as database:
            await database.create_all()
            yield database


@pytest.fixture
def reads(db: Database) -> Generator[list[str]]:
    """Give the SELECTs that are sent, whichever way."""
    seen: list[str] = []
    direct = loose(db.driver).direct
    read = direct.read

    async def counted(statement: Prepared) -> Answer:
        seen.append(statement.sql)
        answer: Answer = await read(statement)
        return answer

    def remember(*call: object) -> None:
        if str(call[2]).lstrip().startswith("SELECT"):
            seen.append(str(call[2]))

    direct.read = counted
    event.listen(db.reader.sync_engine, "before_cursor_execute", remember)
    yield seen
    event.remove(db.reader.sync_engine, "before_cursor_execute", remember)
    direct.read = read


def loose(value: object) -> Any:
    """Return *value* for the checkers to leave alone: awaiting `Author | None` is beyond them."""
    return value


@pytest.fixture
async def rows(db: Database) -> tuple[Post, Photo]:
    post = await Post.create(title="p", artist=await Artist.create(name="ann"))
    photo = await Photo.create(url="u")
    for text, about in (("a", post), ("b", photo), ("c", post), ("d", None)):
        await Remark.create(text=text, about=about)
    return post, photo


def texts(rows: Any) -> str:
    return "".join(sorted(row.text for row in rows))


async def test_the_columns_say_what_is_referred_to(rows: tuple[Post, Photo]) -> None:
    post, photo = rows
    found = [(each.about_type, each.about_id) for each in map(loose, await Remark.order("text"))]
    assert found == [("Post", post.id), ("Photo", photo.id), ("Post", post.id), (None, None)]
    assert Remark(text="x", about=photo).about is photo
    assert Remark(text="x").about is None


@pytest.mark.usefixtures("rows")
async def test_include_sends_one_query_for_each_model(reads: list[str]) -> None:
    found = await Remark.order("text").include("about")
    assert [type(remark.about) for remark in found] == [Post, Photo, Post, type(None)]
    assert found[0].about is found[2].about
    assert vars((await Remark.order("text").include(Remark.about))[1])["about"]
    assert len(reads) == 6


@pytest.mark.usefixtures("rows")
async def test_only_the_models_that_occur_are_asked(reads: list[str]) -> None:
    assert (await Remark.where(text="b").include("about"))[0].about == await Photo.get(1)
    assert len(reads) == 3


@pytest.mark.usefixtures("rows")
async def test_one_lazy_access_loads_it_for_every_sibling(reads: list[str]) -> None:
    found = [await loose(remark).about for remark in await Remark.order("text")]
    assert [type(each) for each in found] == [Post, Photo, Post, type(None)]
    assert len(reads) == 3


@pytest.mark.usefixtures("rows")
async def test_unloaded_it_says_so_and_can_be_awaited_again(db: Database) -> None:
    (remark,) = await Remark.where(text="a")
    with pytest.raises(NotLoaded, match=r'`await` it, or .*include\("about"\)'):
        _ = loose(remark).about.title
    for _ in range(2):
        assert (await loose(remark).about).title == "p"
    await remark.load("about")
    assert isinstance(remark.about, Post)


@pytest.mark.usefixtures("rows")
async def test_includes_go_over_it_in_both_directions(db: Database) -> None:
    found = await Remark.order("text").include("about.artist", "about.remarks")
    assert isinstance(found[0].about, Post)
    assert found[0].about.artist is not None
    assert found[0].about.artist.name == "ann"
    assert found[1].about is not None
    assert texts(found[1].about.remarks) == "b"
    (post,) = await Post.all().include("remarks.about.artist")
    assert [remark.about for remark in post.remarks] == [post, post]
    (artist,) = await Artist.all().include("posts.remarks.about", "said")
    assert artist.posts[0].remarks[0].about == post
    assert texts(artist.said) == "ac"
    with pytest.raises(UnknownName, match=r"none of Post, Photo has a relation 'nothing'"):
        await Remark.all().include("about.nothing")


async def test_it_is_looked_up(db: Database, rows: tuple[Post, Photo]) -> None:
    post, photo = rows
    assert texts(await Remark.where(about=post)) == "ac"
    assert texts(await Remark.where(about=None)) == "d"
    assert texts(await Remark.where(about__isnull=False)) == "abc"
    assert texts(await Remark.where(about__in=[photo, post])) == "abc"
    assert texts(await Remark.where(about__in=[])) == ""
    assert texts(await Remark.where(about__ne=post)) == "bd"
    assert texts(await Remark.where_not(about=post)) == "bd"
    assert await Post.where(remarks__text="c").count() == 1
    assert await Photo.where(remarks__isnull=True).count() == 0
    assert await Remark.where(about=photo).update_all(text="B") == 1
    with pytest.raises(UnknownName, match="may be of any of its models"):
        Remark.where(about__title="p")
    with pytest.raises(UnknownName):
        Remark.join("about")


@pytest.mark.usefixtures("rows")
async def test_its_other_side_is_loaded_like_any_relation(reads: list[str]) -> None:
    (post,) = await Post.all().include("remarks")
    assert texts(post.remarks) == "ac"
    assert "_sa_instance_state" not in vars(post.remarks[0])  # straight from the driver
    (photo,) = await Photo.all()
    assert texts(await photo.remarks) == "b"
    assert len(reads) == 4


async def test_the_other_side_writes(db: Database, rows: tuple[Post, Photo]) -> None:
    post, photo = rows
    made = await photo.remarks.create(text="e")
    assert made.about == photo
    (first,) = await Remark.where(text="a")
    await photo.remarks.add(first)
    assert texts(await Remark.where(about=photo)) == "abe"
    await photo.remarks.discard(first)
    assert texts(await Remark.where(about=None)) == "ad"
    new = await Post.create(title="new", remarks=[Remark(text="f")])
    assert texts(await Remark.where(about=new)) == "f"
    assert texts(await post.remarks.where(text__in=["c", "f"])) == "c"


async def test_it_is_assigned_and_saved(db: Database, rows: tuple[Post, Photo]) -> None:
    post, photo = rows
    (remark,) = await Remark.where(text="a").include("about")
    remark.about = photo
    assert remark.about is photo
    await remark.save()
    assert texts(await Remark.where(about=photo)) == "ab"
    await remark.update(about=None)
    assert (loose(remark).about, loose(remark).about_type) == (None, None)
    await remark.update(about_type="Post", about_id=post.id)
    assert await loose(remark).about == post  # what was loaded before is not shown any more


async def test_what_is_not_allowed_is_refused(db: Database, rows: tuple[Post, Photo]) -> None:
    artist = await Artist.get(1)
    with pytest.raises(Invalid, match="Remark is not valid: about: takes Photo or Post, not Art"):
        await Remark.create(text="x", about=artist)
    (remark,) = await Remark.where(text="a")
    with pytest.raises(Invalid, match="takes Photo or Post"):
        remark.about = loose(artist)
    with pytest.raises(Invalid, match="takes models, not int"):
        remark.about = loose(7)
    with pytest.raises(Invalid, match="takes Photo or Post"):
        Remark.where(about=artist)
    with pytest.raises(Invalid, match="is a new Photo: save it first"):
        await remark.update(about=Photo(url="v"))
    assert (await loose(remark).about) == rows[0]


@pytest.mark.usefixtures("rows")
async def test_an_unknown_type_in_the_table_is_said(db: Database) -> None:
    await Remark.where(text="a").update_all(about_type="Video")
    with pytest.raises(Unreadable, match="'Video', but about is one of Post, Photo"):
        await Remark.all().include("about")


async def test_what_is_gone_is_none(db: Database, rows: tuple[Post, Photo]) -> None:
    await rows[1].destroy()
    (remark,) = await Remark.where(text="b").include("about")
    assert remark.about is None
    (remark,) = await Remark.where(text="b")
    for _ in range(2):
        assert await loose(remark).about is None


async def test_columns_of_its_own_and_one_row_on_the_other_side(
    db: Database, rows: tuple[Post, Photo]
) -> None:
    post, _ = rows
    cover = await Cover.create(of=post)
    assert (cover.kind, cover.of_key) == ("Post", post.id)
    (found,) = await Post.all().include("cover")
    assert found.cover == cover
    assert (await loose(await Post.get(post.id)).cover) == cover
    with pytest.raises(Invalid):
        Cover(**loose({"kind": "Post"}))


async def test_inside_a_transaction_and_back(db: Database, rows: tuple[Post, Photo]) -> None:
    with pytest.raises(ZeroDivisionError):
        async with db.transaction():
            new = await Photo.create(url="new")
            remark = await Remark.create(text="t", about=new)
            again = await Remark.get(remark.id)
            assert await loose(again).about == new
            (included,) = await Remark.where(text="t").include("about")
            assert included.about is new
            _ = 1 / 0
    assert texts(await Remark.all()) == "abcd"
    with pytest.raises(NotFound):
        await Photo.get(2)


@pytest.mark.usefixtures("rows")
async def test_batches_pages_pickles_and_copies(db: Database) -> None:
    kinds = [type(each.about) async for each in Remark.order("text").include("about")]
    assert kinds == [Post, Photo, Post, type(None)]
    (remark,) = await Remark.where(text="a").include("about")
    again = pickle.loads(pickle.dumps(remark))
    assert (again, again.about) == (remark, remark.about)
    assert copy.copy(remark).about == remark.about
    assert remark.model_dump() == {"id": 1, "text": "a", "about_type": "Post", "about_id": 1}


def test_the_columns_are_indexed_and_fit_the_keys() -> None:
    with scratch_models():

        class Tome(Model):
            isbn: str = Field(primary_key=True)

        class Disc(Model):
            code: str = Field(primary_key=True)

        class Coin(Model):
            value: int

        class Loan(Model):
            thing: Tome | Disc = Relationship(polymorphic=True)

        table = loose(Loan).__table__
        assert loose(Loan).__pydantic_fields__["thing_id"].annotation == str | None
        assert not table.c.thing_id.nullable
        (index,) = table.indexes
        assert [column.name for column in index.columns] == ["thing_type", "thing_id"]
        with pytest.raises(ConfigurationError, match="of several types: declare the field of_id"):

            class _Mixed(Model):  # pyright: ignore[reportUnusedClass]
                of: Tome | Coin = Relationship(polymorphic=True)


def test_what_cannot_be_polymorphic_is_refused() -> None:
    with scratch_models():
        with pytest.raises(ConfigurationError, match="refers to one row, not to many"):

            class _Many(Model):  # pyright: ignore[reportUnusedClass]
                things: list[Post | Photo] = Relationship(polymorphic=True)

        with pytest.raises(ConfigurationError, match="doesn't go with back_populates"):

            class _Back(Model):  # pyright: ignore[reportUnusedClass]
                thing: Post | Photo = Relationship(polymorphic=True, back_populates="x")

        with pytest.raises(ConfigurationError, match=r"Post \| Photo is several models: say"):

            class _Forgot(Model):  # pyright: ignore[reportUnusedClass]
                thing: Post | Photo = Relationship()


async def test_either_side_can_be_defined_again() -> None:
    with scratch_models():

        def tree(fields: str = "") -> type[Model]:
            scope: dict[str, Any] = {**globals()}
            exec(
                "class Tree(Model):\n"
                "    name: str\n"
                "    notes: Related['Leaf'] = Relationship(as_='on')\n" + fields,
                scope,
            )
            made: type[Model] = scope["Tree"]
            return made

        def leaf(fields: str = "") -> type[Model]:
            scope: dict[str, Any] = {**globals()}
            exec(
                "class Leaf(Model):\n"
                "    word: str\n"
                "    on: 'Tree | _Twig | None' = Relationship(polymorphic=True)\n" + fields,
                scope,
            )
            made: type[Model] = scope["Leaf"]
            return made

        class _Twig(Model):  # pyright: ignore[reportUnusedClass]
            name: str

        oak_model, leaf_model = tree(), leaf()
        oak_model = tree("    age: int = 1\n")
        leaf_model = leaf("    size: int = 1\n")
        oak_model = tree("    age: int = 2\n")
        async with Database("memory:") as db:
            await db.create_all()
            oak = loose(await oak_model.create(name="oak"))
            await leaf_model.create(word="hello", on=oak)
            (found,) = await leaf_model.all().include("on.notes")
            assert loose(found).on.age == 2
            assert [note.size for note in loose(found).on.notes] == [1]
            assert len(loose(leaf_model).__table__.indexes) == 1


async def test_migrations_have_its_columns_and_index(database_url: str, tmp_path: Path) -> None:
    with MODELS:
        async with Database(database_url) as db:
            migrations = db.migrations(tmp_path)
            await migrations.make("first")
            await migrations.up()
            assert await migrations.make("nothing") is None
            post = await Post.create(title="p")
            await Remark.create(text="x", about=post)
            assert await Remark.where(about=post).exists()

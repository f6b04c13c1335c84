"""Search of models that share, inherit, hide or upsert their rows."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from mizzen.orm import (
    ConfigurationError,
    Database,
    Field,
    Model,
    SearchCheck,
    SearchIndex,
    SoftDelete,
    UnknownName,
)
from mizzen.orm.testing import scratch_models

if TYPE_CHECKING:
    from collections.abc import Callable, Generator


@pytest.fixture(
    params=["memory:", pytest.param("postgres_url", marks=pytest.mark.extra("psycopg"))]
)
def url(request: pytest.FixtureRequest) -> str:
    if request.param == "memory:":
        return "memory:"
    found: str = request.getfixturevalue(request.param)
    return found


@pytest.fixture(autouse=True)
def _own_models() -> Generator[None]:  # pyright: ignore[reportUnusedFunction]
    with scratch_models():
        yield


async def test_models_with_a_common_base_have_an_index_each(url: str) -> None:
    class Titled(Model, table=False):
        title: str = ""
        search: ClassVar[SearchIndex] = SearchIndex("title")

    class Song(Titled):
        pass

    class Film(Titled):
        year: int = 0

    async with Database(url) as db:
        await db.create_all()
        await Song.create(title="hello")
        await Film.create(title="hello world")
        assert [song.title for song in await Song.matching("hello")] == ["hello"]
        assert [film.title for film in await Film.matching("hello")] == ["hello world"]
        await Film.search.rebuild()
        assert (await Song.search.check(), await Film.search.check()) == (SearchCheck(),) * 2


async def test_a_member_of_a_family_is_found_by_its_own_class(url: str) -> None:
    class Animal(Model, discriminator="kind"):
        name: str = ""
        search: ClassVar[SearchIndex] = SearchIndex("name")

    class Dog(Animal):
        loud: bool = True

    async with Database(url) as db:
        await db.create_all()
        await Dog.create(name="Rex the first")
        await Animal.create(name="first cat")
        assert await Animal.matching("first").count() == 2
        (hit,) = await Dog.matching("first").hits()
        assert type(hit.row) is Dog
        assert hit.rank > 0
        with pytest.raises(ConfigurationError, match="searched as a whole"):

            class Cat(Animal):  # pyright: ignore[reportUnusedClass]
                fur: ClassVar[SearchIndex] = SearchIndex("name")


async def test_deleted_rows_are_not_found(url: str) -> None:
    class Doc(SoftDelete, Model):
        title: str = ""
        search: ClassVar[SearchIndex] = SearchIndex("title")

    async with Database(url) as db:
        await db.create_all()
        gone = await Doc.create(title="hello there")
        await Doc.create(title="hello world")
        await gone.destroy()
        query = Doc.matching("hello")
        assert [doc.title for doc in await query] == ["hello world"]
        assert [hit.row.title for hit in await query.hits()] == ["hello world"]
        assert await query.matching("there").count() == 0
        assert await query.update_all(title="hello you") == 1


async def test_upserts_and_rows_left_out_are_followed(url: str) -> None:
    class Page(Model):
        slug: str = Field(unique=True)
        text: str = ""
        search: ClassVar[SearchIndex] = SearchIndex("text")

    async with Database(url) as db:
        await db.create_all()
        await Page.create(slug="a", text="old words")
        rows = [{"slug": "a", "text": "new words"}, {"slug": "b", "text": "more words"}]
        await Page.all().upsert_all(rows, on=["slug"])
        await Page.all().insert_all(
            [{"slug": "a", "text": "ignored"}, {"slug": "c", "text": "words"}], ignore=True
        )
        assert await Page.matching("words").order("slug").pluck("slug") == ["a", "b", "c"]
        assert await Page.matching("old OR ignored").count() == 0
        assert await Page.search.check() == SearchCheck()


async def test_a_script_searches_without_await(url: str) -> None:
    class Song(Model):
        title: str = ""
        search: ClassVar[SearchIndex] = SearchIndex("title")

    async with Database(url) as db:
        await db.create_all()
        await Song.create(title="hello <b>")

        def read() -> Any:
            with db.sync as s:
                return s(Song.matching("hel*")).hits()

        (hit,) = await asyncio.to_thread(read)
        assert hit.highlights == {"title": "<mark>hello</mark> &lt;b&gt;"}


async def test_a_name_that_is_no_filter_is_no_column(url: str) -> None:
    class Account(Model):
        name: str = ""
        password: str = ""
        stars: int = 0
        search: ClassVar[SearchIndex] = SearchIndex("name", filters={"popular": "stars"})

    async with Database(url) as db:
        await db.create_all()
        await Account.create(name="ann", password="secret", stars=3)
        for text in ("password:secret", "password:s*", "stars:3", "id:1", "Account:ann", "__x:1"):
            assert await Account.matching(text).count() == 0, text
            assert await Account.matching(f"ann -{text}").count() == 1, text
        assert await Account.matching("popular:3 ann").count() == 1
        read = Account.search.read("password:secret popular:many")
        assert [clause[0] for clause in read.clauses] == [
            *Account.search.read('"password secret"').clauses[0],
            *Account.search.read('"popular many"').clauses[0],
        ]


async def test_wrong_use_says_what_to_do(url: str) -> None:
    class Plain(Model):
        title: str = ""

    class Song(Model):
        title: str = ""
        stars: int = 0
        search: ClassVar[SearchIndex] = SearchIndex("title")

    async with Database(url) as db:
        await db.create_all()
        with pytest.raises(UnknownName, match="declare search = SearchIndex"):
            Plain.all().matching("x")
        with pytest.raises(UnknownName, match=r"follows a search"):
            await Song.where(stars=1).hits()
    wrong: list[tuple[Callable[[], object], str]] = [
        (lambda: SearchIndex(), "names fields"),
        (lambda: SearchIndex("a", "a"), "each once"),
        (lambda: SearchIndex("a", weights={"b": 1}), "not searched"),
        (lambda: SearchIndex("a", weights=[-1]), "positive"),
        (lambda: SearchIndex("a", language="a'b"), "no language"),
        (lambda: SearchIndex("a", prefix=0), "from 1 to 99"),
        (lambda: SearchIndex("a", filters="lang"), "tuple of names"),
    ]
    for made, message in wrong:
        with pytest.raises(ConfigurationError, match=message):
            made()
    with pytest.raises(ConfigurationError, match="no text to search in"):

        class Wrong(Model):  # pyright: ignore[reportUnusedClass]
            stars: int = 0
            search: ClassVar[SearchIndex] = SearchIndex("stars")

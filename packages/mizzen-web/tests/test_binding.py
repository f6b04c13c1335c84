"""From a request to a handler's parameters."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Annotated, Any, Literal, TypedDict

import msgspec
import pytest

from mizzen.web import Body, Context, Cookie, DefinitionError, Header, Query, Web


@dataclass
class File:
    name: str
    size: int = 0


def no_files() -> list[File]:
    return []


@dataclass
class Gist:
    title: str
    files: list[File] = field(default_factory=no_files)
    public: bool = False


class Note(msgspec.Struct, rename="camel"):
    note_text: str
    stars: Annotated[int, msgspec.Meta(ge=0)] = 0


class Colour(Enum):
    RED = "red"


async def test_query_is_read_by_name_and_type() -> None:
    web = Web()

    @web.get("/")
    async def index(
        n: int,
        q: str = "",
        tag: list[str] = [],  # noqa: B006
        on: bool = False,
        colour: Colour | None = None,
        order: Literal["up", "down"] = "up",
    ) -> list[Any]:
        return [n, q, tag, on, colour, order]

    get = web.test().get
    reply = await get("/?n=3&q=a+b&tag=x&tag=y&on=true&colour=red&order=down")
    assert reply.json() == [3, "a b", ["x", "y"], True, "red", "down"]
    assert (await get("/?n=3")).json() == [3, "", [], False, None, "up"]
    assert (await get("/?n=3&colour=")).json()[4] is None


async def test_every_bad_query_field_is_named() -> None:
    web = Web()

    @web.get("/")
    async def index(n: int, m: int, order: Literal["up", "down"] = "up") -> None: ...

    reply = await web.test().get("/?m=x&order=left")
    assert reply.status == 422
    assert reply.headers["content-type"] == "application/problem+json"
    assert [e["field"] for e in reply.json()["errors"]] == ["n", "m", "order"]
    assert {e["in"] for e in reply.json()["errors"]} == {"query"}


async def test_headers_cookies_and_renamed_fields() -> None:
    web = Web()

    @web.get("/")
    async def index(
        x_token: Annotated[str, Header],
        theme: Annotated[str, Cookie("ui-theme")] = "light",
        page: Annotated[int, Query("p")] = 1,
    ) -> list[Any]:
        return [x_token, theme, page]

    client = web.test()
    client.cookies["ui-theme"] = "dark"
    reply = await client.get("/?p=2", headers={"X-Token": "t"})
    assert reply.json() == ["t", "dark", 2]
    missing = await client.get("/")
    assert missing.json()["errors"] == [
        {"in": "header", "field": "x-token", "detail": "is missing"}
    ]


async def test_json_body_becomes_a_dataclass_with_its_defaults() -> None:
    web = Web()

    @web.post("/")
    async def create(gist: Gist) -> Gist:
        return gist

    reply = await web.test().post("/", json={"title": "t", "files": [{"name": "a"}]})
    whole = {"title": "t", "files": [{"name": "a", "size": 0}], "public": False}
    assert reply.json() == whole


@pytest.mark.parametrize(
    ("body", "field", "pointer"),
    [
        ({"title": 1}, "title", "#/title"),
        ({"files": []}, "title", "#/title"),
        ({"title": "t", "files": [{"name": "a"}, {}]}, "files[1].name", "#/files/1/name"),
        ({"title": "t", "files": [{"name": "a", "size": "b"}]}, "files[0].size", "#/files/0/size"),
    ],
)
async def test_bad_value_in_json_is_pointed_at(body: object, field: str, pointer: str) -> None:
    web = Web()

    @web.post("/")
    async def create(gist: Gist) -> None: ...

    reply = await web.test().post("/", json=body)
    assert reply.status == 422
    [error] = reply.json()["errors"]
    assert (error["in"], error["field"], error["pointer"]) == ("body", field, pointer)


async def test_struct_keeps_its_renaming_and_constraints_in_json_and_forms() -> None:
    web = Web()

    @web.post("/")
    async def create(note: Note) -> Note:
        return note

    post = web.test().post
    assert (await post("/", json={"noteText": "x"})).json() == {"noteText": "x", "stars": 0}
    assert (await post("/", data={"noteText": "x", "stars": "2"})).json()["stars"] == 2
    reply = await post("/", json={"noteText": "x", "stars": -1})
    assert reply.json()["errors"][0]["field"] == "stars"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content-type": "application/json"}, 400),
        ({"content-type": "text/plain"}, 415),
        ({}, 415),
        ({"content-type": "application/vnd.api+json"}, 400),
    ],
)
async def test_broken_or_undeclared_json_is_refused(headers: dict[str, str], status: int) -> None:
    web = Web()

    @web.post("/")
    async def create(gist: Gist) -> None: ...

    reply = await web.test().post("/", content=b'{"title":', headers=headers)
    assert reply.status == status


async def test_deep_json_is_refused_not_fatal() -> None:
    web = Web()

    @web.post("/")
    async def create(data: dict[str, Any]) -> None: ...

    deep = b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    reply = await web.test().post("/", content=deep, headers={"content-type": "application/json"})
    assert reply.status == 400


async def test_lists_dicts_and_typeddicts_are_bodies() -> None:
    web = Web()

    class Point(TypedDict):
        x: int

    @web.post("/list")
    async def many(files: list[File]) -> int:
        return len(files)

    @web.post("/dict")
    async def free(data: dict[str, Any]) -> list[str]:
        return list(data)

    @web.post("/typed")
    async def typed(point: Point) -> int:
        return point["x"]

    @web.post("/number")
    async def number(n: Annotated[int, Body]) -> int:
        return n

    post = web.test().post
    assert (await post("/list", json=[{"name": "a"}, {"name": "b"}])).json() == 2
    assert (await post("/dict", json={"a": 1})).json() == ["a"]
    assert (await post("/dict", data={"a": 1})).json() == ["a"]
    assert (await post("/typed", data={"x": "4"})).json() == 4
    assert (await post("/number", json=5)).json() == 5


async def test_class_with_fields_is_read_from_the_query_of_a_get() -> None:
    web = Web()

    @web.get("/")
    async def index(filter: Gist) -> str:
        return filter.title

    assert (await web.test().get("/?title=x")).text == "x"
    reply = await web.test().get("/")
    assert reply.json()["errors"][0] == {"in": "query", "field": "title", "detail": "is missing"}


class Model:
    """What pydantic and SQLModel classes look like from outside."""

    def __init__(self, title: str) -> None:
        self.title = title

    @classmethod
    def model_validate(cls, data: Any) -> Model:
        if not isinstance(data.get("title"), str):
            raise BadModel
        return cls(data["title"])

    def model_dump(self, *, mode: str = "python") -> dict[str, str]:
        return {"title": self.title, "mode": mode}


class BadModel(ValueError):
    def errors(self) -> list[dict[str, Any]]:
        return [{"loc": ("title",), "msg": "has to be text"}]


async def test_class_that_validates_itself_is_met_by_its_shape() -> None:
    web = Web()

    @web.post("/")
    async def create(model: Model) -> Model:
        return model

    @web.post("/many")
    async def many(models: list[Model]) -> list[Model]:
        return models

    post = web.test().post
    assert (await post("/", json={"title": "x"})).json() == {"title": "x", "mode": "json"}
    assert (await post("/many", json=[{"title": "x"}])).json()[0]["title"] == "x"
    reply = await post("/", json={"title": 1})
    assert reply.json()["errors"] == [
        {"in": "body", "field": "title", "detail": "has to be text", "pointer": "#/title"}
    ]


@pytest.mark.extra("pydantic")
async def test_pydantic_model_from_json_and_from_a_form() -> None:
    from pydantic import BaseModel

    class Post(BaseModel):
        title: str
        tags: list[str] = []
        stars: int | None = None

    web = Web()

    @web.post("/")
    async def create(post: Post) -> Post:
        return post

    post = web.test().post
    whole = {"title": "x", "tags": ["a"], "stars": None}
    assert (await post("/", json={"title": "x", "tags": ["a"]})).json() == whole
    assert (await post("/", data={"title": "x", "tags": ["a"], "stars": ""})).json() == whole
    reply = await post("/", json={"tags": ["a", 1]})
    assert [e["pointer"] for e in reply.json()["errors"]] == ["#/title", "#/tags/1"]


@pytest.mark.extra("sqlmodel")
async def test_sqlmodel_class_is_validated_even_as_a_table() -> None:
    from sqlmodel import Field, SQLModel

    class Hero(SQLModel):
        name: str = Field(max_length=3)

    web = Web()

    @web.post("/")
    async def create(hero: Hero) -> Hero:
        return hero

    assert (await web.test().post("/", data={"name": "Ann"})).json() == {"name": "Ann"}
    assert (await web.test().post("/", data={"name": "Annabel"})).status == 422


async def test_context_comes_by_annotation_or_by_name() -> None:
    web = Web()

    @web.get("/a")
    async def by_annotation(request: Context) -> str:
        return request.path

    async def by_name(ctx: Any) -> str:
        return str(ctx.path)

    del by_name.__annotations__["ctx"]
    web.get("/b")(by_name)

    assert (await web.test().get("/a")).text == "/a"
    assert (await web.test().get("/b")).text == "/b"


async def test_plain_function_runs_in_a_thread() -> None:
    import threading

    web = Web()

    @web.get("/")
    def index(n: int = 1) -> bool:
        return threading.current_thread() is threading.main_thread()

    assert (await web.test().get("/")).json() is False


def test_two_bodies_are_refused() -> None:
    async def create(a: Gist, b: Note) -> None: ...

    with pytest.raises(DefinitionError, match="both be the body"):
        Web().post("/")(create)


def test_positional_rest_is_refused() -> None:
    async def create(*args: str) -> None: ...

    with pytest.raises(DefinitionError, match="by name"):
        Web().post("/")(create)


async def test_constant_query_of_bad_utf8_or_too_many_fields_is_a_400() -> None:
    web = Web(max_fields=3)

    @web.get("/")
    async def index(q: str = "") -> str:
        return q

    assert (await web.test().get("/?q=%ff")).status == 400
    assert (await web.test().get("/?q=1&a=1&b=1&c=1")).status == 400

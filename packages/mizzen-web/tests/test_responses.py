"""What goes back: by type, with headers, cookies, redirects and conditional requests."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
from markupsafe import Markup

from mizzen.web import HTML, JSON, Context, Redirect, Response, Text, Web


@dataclass
class Point:
    x: int


class Named(msgspec.Struct):
    name: str


@pytest.mark.parametrize(
    ("value", "status", "media", "body"),
    [
        ({"a": 1}, 200, "application/json", b'{"a":1}'),
        ([1], 200, "application/json", b"[1]"),
        (True, 200, "application/json", b"true"),
        (Point(1), 200, "application/json", b'{"x":1}'),
        ([Point(1)], 200, "application/json", b'[{"x":1}]'),
        (Named("n"), 200, "application/json", b'{"name":"n"}'),
        ("é", 200, "text/plain; charset=utf-8", "é".encode()),
        (Markup("<b>"), 200, "text/html; charset=utf-8", b"<b>"),
        (b"\0", 200, "application/octet-stream", b"\0"),
        (None, 204, None, b""),
        (({"a": 1}, 201), 201, "application/json", b'{"a":1}'),
        ((HTML("<p>"), 422), 422, "text/html; charset=utf-8", b"<p>"),
        ((None, 202), 202, "application/octet-stream", b""),
        (Text("x", 418), 418, "text/plain; charset=utf-8", b"x"),
        (JSON({"a": Markup("<b>")}), 200, "application/json", b'{"a":"<b>"}'),
    ],
)
async def test_answer_by_type(value: Any, status: int, media: str | None, body: bytes) -> None:
    web = Web()

    @web.get("/")
    async def index() -> Any:
        return value

    reply = await web.test().get("/")
    assert (reply.status, reply.headers.get("content-type"), reply.body) == (status, media, body)


async def test_answer_without_a_json_form_is_an_error_that_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    web = Web()

    @web.get("/")
    async def index() -> object:
        return object()

    assert (await web.test().get("/")).status == 500
    assert "return a dict, a dataclass, a Struct or a Response" in caplog.text


@pytest.mark.parametrize("value", ["a\r\nset-cookie: x=1", "a\nb", "a\0b"])
def test_header_cannot_be_split(value: str) -> None:
    with pytest.raises(ValueError, match="line break"):
        Response(headers={"x-a": value})
    with pytest.raises(ValueError, match="line break"):
        Response(media_type="text/" + value)


@pytest.mark.parametrize(
    "location",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil",
        "javascript:x",
        " //x",
    ],
)
def test_redirect_elsewhere_has_to_be_meant(location: str) -> None:
    with pytest.raises(ValueError, match="external=True"):
        Redirect(location)
    Redirect(location, external=True)


def test_redirect_encodes_what_is_not() -> None:
    assert Redirect("/a b?q=é%20").headers["location"] == "/a%20b?q=%C3%A9%20"


async def test_redirects_are_followed_only_on_demand() -> None:
    web = Web()

    @web.post("/old")
    async def old(ctx: Context) -> Redirect:
        return ctx.redirect("new", page=2)

    @web.get("/new", name="new")
    async def new(page: int) -> int:
        return page

    client = web.test()
    reply = await client.post("/old")
    assert (reply.status, reply.location) == (303, "/new?page=2")
    assert (await client.post("/old", follow=True)).json() == 2


async def test_cookies_are_set_kept_and_deleted() -> None:
    web = Web()

    @web.get("/set")
    async def give(ctx: Context) -> Response:
        ctx.set_cookie("a", "1", max_age="1d")
        response = Response()
        response.set_cookie("b", "2", http_only=False, same_site="none")
        return response

    @web.get("/drop")
    async def drop(ctx: Context) -> list[str]:
        ctx.delete_cookie("a")
        return list(ctx.cookies)

    client = web.test()
    cookies = (await client.get("/set")).headers.all("set-cookie")
    assert cookies == [
        "b=2; Path=/; Secure; SameSite=None",
        "a=1; Path=/; Max-Age=86400; HttpOnly; SameSite=Lax",
    ]
    assert (await client.get("/drop")).json() == ["b", "a"]
    assert client.cookies == {"b": "2"}


@pytest.mark.parametrize("value", ["a;b", "a b", "é", 'a"b', "a\r\nb", "a,b"])
async def test_cookie_that_cannot_be_carried_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="cannot carry"):
        Response().set_cookie("a", value)


async def test_malformed_cookie_header_is_survived() -> None:
    web = Web()

    @web.get("/")
    async def index(ctx: Context) -> dict[str, str]:
        return ctx.cookies

    reply = await web.test().get("/", headers={"cookie": ';; =x; a="1"; b; a=2; mizzen_flash=%%'})
    assert reply.json() == {"": "x", "a": "1", "mizzen_flash": "%%"}


async def test_page_has_an_etag_and_is_not_sent_twice() -> None:
    web = Web()

    @web.get("/")
    async def index() -> HTML:
        return HTML("<p>", headers={"vary": "cookie"})

    client = web.test()
    tag = (await client.get("/")).headers["etag"]
    again = await client.get("/", headers={"if-none-match": f'"x", {tag}'})
    assert (again.status, again.body) == (304, b"")
    assert again.headers["etag"] == tag
    assert again.headers["vary"] == "cookie"
    assert "content-type" not in again.headers
    assert (await client.get("/", headers={"if-none-match": '"other"'})).status == 200


async def test_page_that_sets_a_cookie_or_is_an_error_has_no_etag() -> None:
    web = Web()

    @web.get("/cookie")
    async def cookie(ctx: Context) -> HTML:
        ctx.set_cookie("a", "1")
        return HTML("x")

    @web.get("/error")
    async def error() -> HTML:
        return HTML("x", 404)

    for path in ("/cookie", "/error"):
        assert "etag" not in (await web.test().get(path)).headers


async def test_same_response_object_can_be_returned_again() -> None:
    web = Web()
    page = HTML("x")

    @web.get("/")
    async def index() -> HTML:
        return page

    client = web.test()
    tag = (await client.get("/")).headers["etag"]
    assert (await client.get("/", headers={"if-none-match": tag})).status == 304
    assert (await client.get("/")).status == 200


@pytest.mark.parametrize("host", ["a b", "a/b", "a@b", "", "a:b", "[::1", "a\\b"])
async def test_malformed_host_is_a_400_where_it_matters(host: str) -> None:
    web = Web()

    @web.get("/", name="home")
    async def index(ctx: Context) -> str:
        return ctx.url("home", absolute=True)

    client = web.test()
    assert (await client.get("/", headers={"host": host})).status == 400
    assert (await client.get("/", headers={"host": "a.example:80"})).text == "http://a.example:80/"


def test_errors_survive_pickling() -> None:
    from mizzen.web import HTTPError, Invalid, NotFound

    for error in (HTTPError(418, "x", headers={"a": "b"}), NotFound("n"), Invalid("i", [])):
        again = pickle.loads(pickle.dumps(error))
        assert (type(again), str(again), again.status) == (type(error), str(error), error.status)


async def test_cookies_of_a_request_never_stick_to_a_kept_response() -> None:
    web = Web()
    page = HTML("x")

    @web.get("/{name}")
    async def index(name: str, ctx: Context) -> object:
        if name == "ann":
            ctx.set_cookie("session", "ann's")
            return page, 201
        return page

    client = web.test()
    assert "set-cookie" in (await client.get("/ann")).headers
    other = await web.test().get("/bob")
    assert (other.status, "set-cookie" in other.headers) == (200, False)

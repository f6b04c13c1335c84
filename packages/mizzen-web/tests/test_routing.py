"""Which handler answers which request, and what happens when none does."""

from __future__ import annotations

from datetime import date  # noqa: TC003
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mizzen.web import Context, DefinitionError, UnknownRoute, Web


def echo(name: str):
    async def handler(ctx: Context) -> dict[str, object]:
        return {"route": name, **{k: str(v) for k, v in ctx.params.items()}}

    return handler


async def route_of(web: Web, path: str, method: str = "GET") -> object:
    reply = await web.test().request(method, path)
    return reply.json()["route"] if reply.status == 200 else reply.status


async def test_fixed_text_wins_over_typed_over_text_over_rest() -> None:
    web = Web()
    # Defined from the weakest to the strongest: order plays no part.
    for path in ("/x/{rest:path}", "/x/{a}", "/x/{a:int}", "/x/new"):
        web.get(path)(echo(path))
    assert await route_of(web, "/x/new") == "/x/new"
    assert await route_of(web, "/x/7") == "/x/{a:int}"
    assert await route_of(web, "/x/seven") == "/x/{a}"
    assert await route_of(web, "/x/a/b") == "/x/{rest:path}"


async def test_dead_end_is_left_for_another_branch() -> None:
    web = Web()
    web.get("/a/b/c")(echo("fixed"))
    web.get("/a/{x}/d")(echo("param"))
    web.get("/{rest:path}")(echo("rest"))
    assert await route_of(web, "/a/b/c") == "fixed"
    assert await route_of(web, "/a/b/d") == "param"
    assert await route_of(web, "/a/b/e") == "rest"


async def test_method_of_a_parameter_route_is_reached_behind_a_fixed_one() -> None:
    web = Web()
    web.get("/gists/new")(echo("new"))
    web.delete("/gists/{id}")(echo("destroy"))
    assert await route_of(web, "/gists/new", "DELETE") == "destroy"


@pytest.mark.parametrize("text", ["-1", "1_000", " 1", "1e3", "٣", "9" * 30, "0x1"])
async def test_what_is_no_plain_number_is_no_int(text: str) -> None:
    web = Web()

    @web.get("/gists/{id}")
    async def show(id: int) -> dict[str, int]:
        return {"id": id}

    assert (await web.test().get(f"/gists/{text}")).status == 404


async def test_annotation_types_a_parameter() -> None:
    web = Web()

    @web.get("/things/{key}")
    async def show(key: UUID) -> str:
        return type(key).__name__

    key = uuid4()
    assert (await web.test().get(f"/things/{key}")).text == "UUID"
    assert (await web.test().get("/things/1")).status == 404


async def test_unreadable_date_in_a_path_is_a_404() -> None:
    web = Web()

    @web.get("/days/{day}")
    async def show(day: date) -> int:
        return day.year

    assert (await web.test().get("/days/2026-11-21")).json() == 2026
    assert (await web.test().get("/days/yesterday")).status == 404


async def test_empty_segment_is_no_value() -> None:
    web = Web()
    web.get("/gists/{id}/files")(echo("files"))
    assert await route_of(web, "/gists//files") == 404


async def test_known_path_with_another_method_is_405_with_allow() -> None:
    web = Web()
    web.get("/a")(echo("a"))
    web.post("/a")(echo("b"))
    reply = await web.test().delete("/a")
    assert reply.status == 405
    assert reply.headers["allow"] == "GET, HEAD, OPTIONS, POST"


async def test_head_defined_apart_is_used() -> None:
    web = Web()

    @web.route("HEAD", "/a")
    async def head(ctx: Context) -> None:
        ctx.set_cookie("seen", "head")

    web.get("/a")(echo("a"))
    assert "head" in (await web.test().head("/a")).headers["set-cookie"]
    assert await route_of(web, "/a") == "a"


@pytest.mark.parametrize(("defined", "asked"), [("/a", "/a/"), ("/a/", "/a")])
async def test_other_trailing_slash_redirects_and_keeps_method_and_query(
    defined: str, asked: str
) -> None:
    web = Web()
    web.post(defined)(echo("a"))
    reply = await web.test().post(asked + "?q=1")
    assert (reply.status, reply.location) == (308, defined + "?q=1")


async def test_slash_redirect_never_leaves_the_site() -> None:
    web = Web()
    web.get("/{a}/{b}")(echo("x"))
    web.get("/{rest:path}")(echo("rest"))
    for path in ("//evil.example/", "//evil.example/x/", "/%2fevil.example/x/"):
        reply = await web.test().get(path)
        assert not reply.location.startswith("//")
        assert "evil.example" not in reply.location.partition("/")[0]


async def test_encoded_slash_stays_inside_its_segment() -> None:
    web = Web()
    web.get("/files/{name}")(echo("one"))
    web.get("/files/{dir}/{name}")(echo("two"))
    reply = await web.test().get("/files/a%2Fb")
    assert reply.json() == {"route": "one", "name": "a/b"}
    assert await route_of(web, "/files/a/b") == "two"


async def test_encoded_text_meets_a_fixed_path() -> None:
    web = Web()
    web.get("/café")(echo("café"))
    assert await route_of(web, "/caf%C3%A9") == "café"


@pytest.mark.parametrize("path", ["/%ff", "/a%00b", "/a/%C3%28"])
async def test_malformed_path_is_a_400(path: str) -> None:
    web = Web()
    web.get("/{x}")(echo("x"))
    assert (await web.test().get(path)).status == 400


async def test_defining_again_replaces_even_under_other_names_and_types() -> None:
    web = Web()

    @web.get("/gists/{id}")
    async def show(id: str) -> str:
        return "old"

    @web.get("/gists/{gist_id}")
    async def show2(gist_id: int) -> str:
        return "new"

    client = web.test()
    assert (await client.get("/gists/1")).text == "new"
    assert (await client.get("/gists/old")).status == 404
    assert len(web.routes) == 1


async def test_route_defined_while_serving_is_there_at_once() -> None:
    web = Web()
    assert await route_of(web, "/late") == 404
    web.get("/late")(echo("late"))
    assert await route_of(web, "/late") == "late"


def test_url_fills_parameters_and_puts_the_rest_into_the_query() -> None:
    web = Web()
    web.get("/gists/{id:int}/files/{name:path}", name="file")(echo("x"))
    url = web.url("file", id=3, name="src/a b.py", line=[1, 2], none=None)
    assert url == "/gists/3/files/src/a%20b.py?line=1&line=2"


@pytest.mark.parametrize("value", ["..", ".", "", "/evil", "a/../b", "a//b"])
def test_url_refuses_values_that_would_leave_the_path(value: str) -> None:
    web = Web()
    web.get("/files/{name:path}", name="file")(echo("x"))
    with pytest.raises(UnknownRoute, match="cannot stand for"):
        web.url("file", name=value)


def test_unknown_name_lists_the_known() -> None:
    web = Web()
    web.get("/a", name="alpha")(echo("x"))
    with pytest.raises(UnknownRoute, match="alpha"):
        web.url("beta")


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("a", "start with"),
        ("/{a}/{a}", "twice"),
        ("/{a:path}/b", "last"),
        ("/{a:float}", "none of"),
        ("/x-{a}", "whole segment"),
    ],
)
def test_impossible_path_is_refused_where_it_is_written(path: str, why: str) -> None:
    with pytest.raises(DefinitionError, match=why):
        Web().get(path)(echo("x"))


async def test_group_prefixes_paths_and_names() -> None:
    web = Web()
    admin = web.group("/admin", name="admin")
    admin.get("/", name="home")(echo("home"))
    users = admin.group("/users", name="users")
    users.get("/{id}", name="show")(echo("user"))
    assert web.url("admin_home") == "/admin"
    assert web.url("admin_users_show", id=1) == "/admin/users/1"
    assert await route_of(web, "/admin/users/1") == "user"


segments = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12)


@given(segments.filter(lambda s: s not in {".", ".."}))
def test_url_of_any_text_leads_back_to_it(text: str) -> None:
    import asyncio

    web = Web()
    web.get("/x/{value}/end", name="x")(echo("x"))
    reply = asyncio.run(web.test().get(web.url("x", value=text)))
    assert reply.json()["value"] == text

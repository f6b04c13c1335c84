"""Hooks around handlers, and controllers with hooks by action."""

from __future__ import annotations

from typing import Any

import pytest

from mizzen.web import (
    HTML,
    Context,
    Controller,
    DefinitionError,
    Forbidden,
    Redirect,
    Response,
    Web,
    after,
    before,
)


async def test_hooks_run_in_order_outside_in_and_back() -> None:
    web = Web()
    seen: list[str] = []
    admin = web.group("/admin")

    # Defined after the route, out of order, plain and async: all of it is fused at the end.
    @admin.get("/")
    async def index() -> str:
        seen.append("handler")
        return "x"

    @admin.before
    def inner(ctx: Context) -> None:
        seen.append("inner")

    @web.before
    async def outer() -> None:
        seen.append("outer")

    @admin.after
    def inner_after(response: Response) -> None:
        seen.append("inner after")

    @web.after
    async def outer_after(ctx: Context, response: Response) -> None:
        seen.append("outer after")
        response.set_header("x-seen", str(response.status))

    reply = await web.test().get("/admin")
    assert seen == ["outer", "inner", "handler", "inner after", "outer after"]
    assert reply.headers["x-seen"] == "200"


async def test_before_that_answers_stops_the_rest_but_not_the_afters() -> None:
    web = Web()

    @web.before
    async def guard(ctx: Context) -> Redirect | None:
        return None if ctx.user else ctx.redirect("/login")

    @web.before
    async def never(ctx: Context) -> None:
        raise AssertionError

    @web.after
    async def mark(response: Response) -> None:
        response.set_header("x-after", "yes")

    @web.get("/")
    async def index() -> str:
        raise AssertionError

    reply = await web.test().get("/")
    assert (reply.status, reply.location, reply.headers["x-after"]) == (303, "/login", "yes")


async def test_after_may_replace_the_response() -> None:
    web = Web()

    @web.get("/")
    async def index() -> str:
        return "old"

    @web.after
    def replace(response: Response) -> str:
        return "new"

    assert (await web.test().get("/")).text == "new"


async def test_rerun_hook_replaces_itself_while_closures_add_up() -> None:
    web = Web()
    seen: list[str] = []

    def need(role: str):
        def check(ctx: Context) -> None:
            seen.append(role)

        return check

    web.before(need("a"))
    web.before(need("b"))
    source = "def hook(ctx):\n    seen.append(text)\n"
    for text in ("old", "new"):
        cell: dict[str, Any] = {"seen": seen, "text": text, "__name__": "cell"}
        exec(source, cell)
        web.before(cell["hook"])
    web.get("/")(need("handler"))
    await web.test().get("/")
    assert seen == ["a", "b", "new", "handler"]


class Gists(Controller):
    """All seven."""

    def __init__(self) -> None:
        self.log: list[str] = []

    @before
    async def every(self) -> None:
        self.log.append("every")

    @before(only=["edit", "update", "destroy"])
    async def own(self, id: int, as_: str = "ann") -> Response | None:
        self.log.append("own")
        if as_ != "ann":
            raise Forbidden
        return Response("locked", 423) if id == 13 else None

    @after(except_=["index"])
    def sign(self, response: Response) -> None:
        response.set_header("x-log", " ".join(self.log))

    async def index(self, page: int = 1) -> dict[str, int]:
        return {"page": page}

    async def new(self) -> HTML:
        return self.render("new.html", title="new")

    async def create(self) -> Redirect:
        self.flash("Created")
        return self.redirect("gist", id=1)

    async def show(self, id: int, ctx: Context) -> bool:
        return self.ctx is ctx and self.params == {"id": id}

    async def edit(self, id: int) -> str:
        return f"edit {id}"

    async def update(self, id: int) -> str:
        return f"{self.ctx.method} {id}"

    def destroy(self, id: int) -> str:
        return f"plain {id}"


def site() -> Web:
    web = Web(views={"new.html": "<h1>{{ title }}</h1>"})
    web.resources("gists", Gists)
    return web


async def test_seven_actions_have_their_routes_and_names() -> None:
    web = site()
    table = {(r.method, r.pattern.path, r.name) for r in web.routes}
    assert table == {
        ("GET", "/gists", "gists"),
        ("GET", "/gists/new", "new_gist"),
        ("POST", "/gists", "gists"),
        ("GET", "/gists/{id}", "gist"),
        ("GET", "/gists/{id}/edit", "edit_gist"),
        ("PATCH", "/gists/{id}", "gist"),
        ("PUT", "/gists/{id}", "gist"),
        ("DELETE", "/gists/{id}", "gist"),
    }
    client = web.test()
    assert (await client.get("/gists?page=2")).json() == {"page": 2}
    assert (await client.get("/gists/new")).text == "<h1>new</h1>"
    assert (await client.post("/gists")).location == "/gists/1"
    assert (await client.get("/gists/5")).json() is True
    assert (await client.put("/gists/5")).text == "PUT 5"
    assert (await client.delete("/gists/5")).text == "plain 5"


async def test_hooks_cover_the_actions_they_name() -> None:
    client = site().test()
    assert "x-log" not in (await client.get("/gists")).headers
    assert (await client.get("/gists/5")).headers["x-log"] == "every"
    assert (await client.get("/gists/5/edit")).headers["x-log"] == "every own"
    assert (await client.get("/gists/13/edit")).status == 423
    assert (await client.get("/gists/5/edit?as_=bob")).status == 403


async def test_each_request_has_its_own_instance() -> None:
    client = site().test()
    for _ in range(2):
        assert (await client.get("/gists/5")).headers["x-log"] == "every"


async def test_constructor_gets_what_is_provided() -> None:
    class Store:
        name = "store"

    class Items(Controller):
        def __init__(self, store: Store) -> None:
            self.store = store

        async def index(self) -> str:
            return self.store.name

    web = Web()
    web.resources("items", Items)
    web.provide(Store())
    assert (await web.test().get("/items")).text == "store"


def test_only_except_nesting_and_names() -> None:
    web = Web()
    web.resources("gists/{gist_id}/entries", Gists, only=["index", "show"], except_=["show"])
    assert [(r.pattern.path, r.name) for r in web.routes] == [
        ("/gists/{gist_id}/entries", "gist_entries")
    ]
    web.resources("boxes", Gists, only=["show"], param="slug")
    assert web.url("box", slug="a") == "/boxes/a"
    web.group("/admin", name="admin").resources("gists", Gists, only=["index"])
    assert web.url("admin_gists") == "/admin/gists"


def test_hook_of_an_unknown_action_is_refused() -> None:
    class Wrong(Controller):
        @before(only=["shwo"])
        async def load(self) -> None: ...

    with pytest.raises(DefinitionError, match="shwo"):
        Web().resources("wrong", Wrong)


async def test_inherited_hook_comes_first_and_can_be_overridden() -> None:
    class Base(Controller):
        @before
        async def first(self) -> None:
            self.ctx.state["seen"] = ["base"]

    class Child(Base):
        @before
        async def second(self) -> None:
            self.ctx.state["seen"].append("child")

        async def index(self) -> list[str]:
            return self.ctx.state["seen"]

    web = Web()
    web.resources("items", Child)
    assert (await web.test().get("/items")).json() == ["base", "child"]

"""The public API as users write it; read by pyright and mypy, never run."""

from __future__ import annotations

from collections.abc import AsyncIterator  # noqa: TC003
from dataclasses import dataclass
from typing import Annotated, Any, assert_type

from mizzen.web import (
    HTML,
    Client,
    Context,
    Controller,
    Cookie,
    Event,
    EventStream,
    Header,
    NotFound,
    Redirect,
    Reply,
    Response,
    Server,
    Upload,
    Web,
    after,
    before,
)
from mizzen.web.abc import ASGIApp  # noqa: TC001


class Database:
    async def find(self, id: int) -> dict[str, Any] | None: ...


@dataclass
class NewGist:
    title: str
    files: list[Upload]


web = Web(views=["views", "package:views"], debug=True, max_body="1MB", timeout="10s")
web.provide(Database())
web.helpers(asset=str.upper)


@web.get("/gists/{id}", name="gist")
async def show(
    id: int,
    ctx: Context,
    db: Database,
    q: str = "",
    token: Annotated[str, Header("x-token")] = "",
    theme: Annotated[str, Cookie] = "light",
) -> HTML:
    gist = await db.find(id)
    if gist is None:
        raise NotFound(f"no gist {id}")
    return ctx.render("gists/show.html", gist=gist)


@web.post("/gists")
async def create(new: NewGist, ctx: Context) -> Redirect:
    ctx.flash(f"Created {new.title}")
    return ctx.redirect("gist", id=1)


@web.provide
async def connection(db: Database) -> AsyncIterator[bytes]:
    yield b""


@web.get("/events")
async def events() -> EventStream:
    async def tick() -> AsyncIterator[Event]:
        yield Event({"n": 1}, event="tick")

    return EventStream(tick(), ping="5s")


@web.error(KeyError, 404)
async def missing(exc: KeyError, ctx: Context) -> tuple[str, int]:
    return str(exc), 404


@web.before
def guard(ctx: Context) -> Redirect | None:
    return None if ctx.user else Redirect("/login")


class Gists(Controller):
    @before(only=["show"], except_=("index",))
    async def load(self, id: int) -> None: ...

    @after
    def sign(self, response: Response) -> None: ...

    async def index(self) -> HTML:
        return self.render("index.html")


admin = web.group("/admin", name="admin")
admin.resources("gists", Gists, only=["index"])
app: ASGIApp = web
web.mount("/inner", Web())
handler: Any = show
assert_type(web.provided(Database), Database)
assert_type(web.url("gist", id=1), str)


async def use() -> None:
    async with web as started:
        assert_type(started, Web)
        server = await web.serve(port=0, app=app)
        assert_type(server, Server)
        assert_type(server.url, str)
        await server.aclose()
    client = web.test()
    assert_type(client, Client)
    reply = await client.post("/gists", data={"title": "x"}, follow=True)
    assert_type(reply, Reply)
    assert_type(reply.status, int)

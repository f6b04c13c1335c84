"""Components are plain ASGI apps: they live in the routes of somebody else's application."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute

import mizzen.web
from mizzen.app import App
from mizzen.assets import Assets
from mizzen.auth import Auth, Session
from mizzen.cable import Cable, Channel
from mizzen.web import Context, Web

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from starlette.requests import Request

    Connect = Callable[..., Awaitable[Any]]
    Serve = Callable[[Any], Awaitable[str]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Serve an app on a port of its own; return the address."""
    async with AsyncExitStack() as open_servers:

        async def serve(app: Any) -> str:
            server = await mizzen.web.serve(app)
            await open_servers.enter_async_context(server)
            return server.url

        yield serve


@pytest.fixture
async def auth() -> AsyncIterator[Auth]:
    async with Auth("memory:") as auth:
        yield auth


async def cookie_of(auth: Auth, name: str) -> str:
    """Return the header that a browser of a new user would send."""
    email, password = f"{name}@example.com", "correct staple"
    await auth.register(email=email, username=name, password=password)
    session = await auth.login(name, password)
    assert isinstance(session, Session)
    return auth.cookies.write({"scheme": "http"}, session.token, 60)[1].decode().partition(";")[0]


def rooms(auth: Auth, path: str) -> Cable:
    cable = Cable("memory:", path=path, identify=auth.identify)

    @cable.channel("room:{id}")
    class Room(Channel):
        async def authorize(self) -> bool:
            return self.connection.identity is not None

    del Room
    return cable


def at_a_mount(cable: Cable) -> BaseRoute:
    return Mount("/live", cable)


def at_a_route(cable: Cable) -> BaseRoute:
    return WebSocketRoute("/live/", cable)


def below_a_mount(cable: Cable) -> BaseRoute:
    return Mount("/deep", cable)


@pytest.mark.parametrize(
    ("where", "path"),
    [(at_a_mount, "/live"), (at_a_route, "/live"), (below_a_mount, "/deep/live")],
)
async def test_a_cable_in_starlettes_routes_serves_a_stock_client(
    where: Callable[[Cable], BaseRoute], path: str, auth: Auth, serve: Serve, connect: Connect
) -> None:
    cable = rooms(auth, "/live")
    async with cable:
        url = await serve(Starlette(routes=[where(cable)]))
        client = await connect(url, path, headers={"Cookie": await cookie_of(auth, "ann")})
        assert (await client.call("join", "room:1"))["ok"] is True
        await cable.publish("room:1", "changed", {"by": "ann"})
        heard = await asyncio.wait_for(client.heard.get(), 5)
        assert heard == ("changed", {"by": "ann"}, "room:1")


async def test_starlette_runs_the_life_of_components_in_its_own_lifespan(
    auth: Auth, serve: Serve, connect: Connect
) -> None:
    cable = rooms(auth, "/live")

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None]:
        async with cable:
            yield

    app = Starlette(routes=[Mount("/live", cable)], lifespan=lifespan)
    async with app.router.lifespan_context(app):
        client = await connect(
            await serve(app), "/live", headers={"Cookie": await cookie_of(auth, "ann")}
        )
        assert (await client.call("join", "room:1"))["ok"] is True
    assert (await cable.health())["ok"] is False


@pytest.mark.parametrize("prefix", ["/assets/", "/static/v1/"])
async def test_assets_at_a_mount_answer_at_the_addresses_they_give(
    prefix: str, tmp_path: Path
) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "site.css").write_text("p { color: teal }\n" * 50)
    async with Assets(tmp_path / "src", output=tmp_path / "out", prefix=prefix) as assets:
        app = Starlette(routes=[Mount(prefix.rstrip("/"), assets)])
        async with client_of(app) as client:
            answer = await client.get(assets.url("site.css"))
            assert answer.status_code == 200
            assert answer.headers["content-encoding"] in {"br", "gzip", "zstd"}
            assert "teal" in answer.text
            assert (await client.get(f"{prefix}nothing.css")).status_code == 404
            assert (await client.get(f"{prefix}../src/site.css")).status_code == 404


async def test_a_web_at_a_mount_knows_its_prefix() -> None:
    web = Web()

    @web.get("/items/{id}", name="item")
    async def item(id: int, ctx: Context) -> dict[str, str]:
        return {"here": ctx.url("item", id=id)}

    del item
    async with web, client_of(Starlette(routes=[Mount("/api", web)])) as client:
        assert (await client.get("/api/items/3")).json() == {"here": "/api/items/3"}
        assert (await client.get("/api/items/x")).status_code in {400, 404, 422}
        assert (await client.get("/api/nothing")).status_code == 404
        wrong = await client.delete("/api/items/3")
        assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET, HEAD, OPTIONS")


async def test_auth_is_a_middleware_of_starlettes(auth: Auth) -> None:
    async def me(request: Request) -> JSONResponse:
        user = request.scope["user"]
        return JSONResponse({"user": user.username if user else None})

    async def login(request: Request) -> JSONResponse:
        outcome = await request.scope["auth"].login("ann", "correct staple")
        return JSONResponse({"in": isinstance(outcome, Session)})

    await cookie_of(auth, "ann")
    routes = [Route("/me", me), Route("/login", login, methods=["POST"])]
    app = Starlette(routes=routes, middleware=[Middleware(auth.layer)])
    async with client_of(app) as client:
        assert (await client.get("/me")).json() == {"user": None}
        far = await client.post("/login", headers={"sec-fetch-site": "cross-site"})
        assert far.status_code == 403
        entered = await client.post("/login")
        assert entered.json() == {"in": True}
        assert "HttpOnly" in entered.headers["set-cookie"]
        known = await client.get("/me")
        assert known.json() == {"user": "ann"}
        assert known.headers["x-content-type-options"] == "nosniff"


async def test_a_whole_app_lives_below_a_prefix(
    tmp_path: Path, serve: Serve, connect: Connect
) -> None:
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "site.css").write_text("p { color: teal }")
    (tmp_path / "shop.toml").write_text("[assets]\nprefix = '/shop/assets/'\n[auth]\n[cable]\n")
    shop = App("shop", config=tmp_path / "shop.toml")

    @shop.web.get("/", name="home")
    async def home(ctx: Context) -> dict[str, str]:
        return {"home": ctx.url("home"), "style": shop.assets.url("site.css")}

    @shop.cable.channel("news")
    class News(Channel):
        async def authorize(self) -> bool:
            return self.connection.identity is None

    del home, News
    async with shop:
        url = await serve(Starlette(routes=[Mount("/shop", shop)]))
        async with httpx.AsyncClient(base_url=url) as client:
            said = (await client.get("/shop/")).json()
            assert said["home"] == "/shop/"
            assert "teal" in (await client.get(said["style"])).text
            assert (await client.get("/shop/health")).json() == {"ok": True}
            assert (await client.get("/health")).status_code == 404
        visitor = await connect(url, "/shop/cable")
        assert (await visitor.call("join", "news"))["ok"] is True


async def test_a_starlette_app_lives_in_an_app(tmp_path: Path) -> None:
    async def hello(request: Request) -> JSONResponse:
        return JSONResponse({"path": request.url_for("hello").path})

    admin = Starlette(routes=[Route("/hello", hello, name="hello")])
    app = App("shop", data=tmp_path)
    _ = app.web
    async with app, client_of(app) as client:
        assert (await client.get("/admin/hello")).status_code == 404
        app.mount("/admin", admin)  # a cell that is run while the app serves
        assert (await client.get("/admin/hello")).json() == {"path": "/admin/hello"}


def client_of(app: Any) -> httpx.AsyncClient:
    """Return a client that talks to an app without a socket."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here")

"""The public API as users write it; type-checked, never run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, assert_type

from mizzen.app import (
    App,
    AppError,
    AppServer,
    ASGIApp,
    Component,
    ConfigError,
    NotStarted,
    Settings,
    StartFailed,
    StopFailed,
    load_settings,
)
from mizzen.app.cli import main
from mizzen.assets import Assets
from mizzen.auth import Auth
from mizzen.cable import Cable
from mizzen.cache import Cache
from mizzen.orm import Database
from mizzen.queue import Queue
from mizzen.web import Web

if TYPE_CHECKING:
    from mizzen.app.abc import Receive, Scope, Send

app = App("shop", config=Path("shop.toml"), data="data")
assert_type(App(), App)

assert_type(app.db, Database)
assert_type(app.queue, Queue)
assert_type(app.cache, Cache)
assert_type(app.cable, Cable)
assert_type(app.auth, Auth)
assert_type(app.assets, Assets)
assert_type(app.web, Web)
assert_type(app["db"], Component)
assert_type(app.get(Database), Database)
assert_type(app.components, dict[str, Component])


class Mailer:
    """A component of a user's own, by its shape."""

    async def start(self) -> Mailer:
        return self

    async def aclose(self) -> None: ...

    async def health(self) -> dict[str, object]:
        return {"ok": True, "detail": {}}

    def stats(self) -> dict[str, float]:
        return {"sent_total": 1}


mailer: Component = Mailer()
assert_type(app.use(mail=Mailer(), cache=Cache("memory:")), App)
assert_type(app.get(Mailer), Mailer)


async def other(scope: Scope, receive: Receive, send: Send) -> None:
    assert_type(scope["path"], Any)


app.mount("/other", other)
app.mount("/inner", App("inner"))
asgi: ASGIApp = app


@app.queue.job
async def ship(order_id: int) -> str:
    return str(order_id)


@app.on_start
async def prepare() -> None:
    await app.db.create_all()


@app.web.get("/")
async def home() -> str:
    return "home"


async def use() -> None:
    async with app as running:
        assert_type(running, App)
        report = await app.health()
        assert_type(report, dict[str, object])
        assert_type(app.stats(), dict[str, float])
        _ = app.view(every=1)
    assert_type(await app.start(), App)
    server = await app.serve(host="127.0.0.1", port=0)
    assert_type(server, AppServer)
    assert_type(server.url, str)
    assert_type(server.port, int)
    async with server:
        assert_type(server.running, bool)
    await app.aclose()


def configure() -> None:
    settings = load_settings("shop.toml", name="shop", environ={"SHOP_DB__URL": "memory:"})
    assert_type(settings, Settings)
    assert_type(settings.app.stop_within, float)
    assert_type(settings.db.url if settings.db else None, str | None)
    assert_type(settings.custom, dict[str, Any])
    assert_type(app.settings, Settings)
    assert_type(main(["server", "shop:app"]), int)


def fail() -> None:
    try:
        app.run(port=8000)
    except (ConfigError, NotStarted, StartFailed, StopFailed) as error:
        wide: AppError = error
        print(wide)

"""The application: components by name, one `async with`, one ASGI callable."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar, cast

from . import _display
from ._config import load_settings
from ._errors import AppError, NotStarted
from ._http import Front
from ._lifecycle import Preparation, in_order, make_folder, raise_failures, start_all, stop_all
from ._providers import PROVIDERS
from ._settings import QueueSection
from ._wiring import introduce
from .abc import Component, is_component

if TYPE_CHECKING:
    import os
    from collections.abc import Awaitable, Callable

    from mizzen.assets import Assets
    from mizzen.auth import Auth
    from mizzen.cable import Cable
    from mizzen.cache import Cache
    from mizzen.orm import Database
    from mizzen.queue import Queue
    from mizzen.web import Web

    from ._server import AppServer
    from ._settings import Settings
    from .abc import ASGIApp, Receive, Scope, Send
    from .notebook import View

T = TypeVar("T")
F = TypeVar("F", bound="Callable[[], Awaitable[object]]")


class App:
    """Components under names, started together, served as one ASGI app.

    `app.db`, `app.queue`, `app.cache`, `app.cable`, `app.auth`, `app.assets` and `app.web` are
    built from the configuration when first used; what is neither configured nor used is not there.
    Anything else of a component's shape joins by `app.use(name=component)`.

    *config* is a TOML file (see `Settings`); *data* is the folder that relative database paths are
    read from, by default `[app] data`, else the configuration file's folder, else the current one.
    """

    def __init__(
        self,
        name: str = "app",
        *,
        config: str | os.PathLike[str] | None = None,
        data: str | os.PathLike[str] | None = None,
    ) -> None:
        self.name = name
        self.settings: Settings = load_settings(config, name=name)
        self.folder: Path = Path(config).parent if config is not None else Path()
        default = self.folder / (self.settings.app.data or "")
        self.data: Path = default if data is None else Path(data)
        self._components: dict[str, Component] = {}
        self._mounts: dict[str, ASGIApp] = {}
        self._first: dict[str, Callable[[], Awaitable[object]]] = {}
        self._started: list[tuple[str, Component]] = []
        self._front: Front | None = None  # there as long as the app runs
        self._turn = asyncio.Lock()
        self._closing: asyncio.Task[None] | None = None

    def use(self, **components: Component) -> Self:
        """Add components under names, or replace them before the start; return the app."""
        if self.running:
            raise AppError("the app is running: `await app.aclose()`, then `app.use(…)`")
        for name, component in components.items():
            if not is_component(component):
                raise AppError(
                    f"`{name}` is a {type(component).__name__}, which lacks a component's shape: "
                    "start(), aclose(), health() and stats()"
                )
            self._components[name] = component
        return self

    def on_start(self, function: F) -> F:
        """Run an async function at each start, before requests are answered and jobs are run.

        All other components are there by then. One of the same name replaces the one before.
        """
        self._first[f"{function.__module__}.{function.__qualname__}"] = function
        return function

    def mount(self, prefix: str, app: ASGIApp) -> None:
        """Serve any ASGI app under *prefix*, in place of what was there; also in a running app.

        It comes before the routes and before what wraps them: it answers for itself who may do
        what. `app.web.mount` is for one that is to know who is logged in. `root_path` tells it the
        prefix; its lifespan is not run.
        """
        self._mounts["/" + prefix.strip("/") if prefix.strip("/") else ""] = app
        if self._front is not None:
            self._front = Front(self, dict(self._components), self._mounts)

    async def start(self) -> Self:
        """Start every component, each after those it leans on; a failure closes what was started.

        Raises `StartFailed`, whose cause is the component's own error.
        """
        async with self._turn:
            if self.running:
                return self
            self._build_configured()
            introduce(self._components, workers=self._workers(), grace=self._share)
            preparation = {"on_start": Preparation(self._first)} if self._first else {}
            order = in_order({**self._components, **preparation})
            await make_folder(self.data)
            then = {"db": self._migrate}
            await start_all(order, then=then, undo_within=self.settings.app.stop_within)
            self._started = order
            self._front = Front(self, dict(self._components), self._mounts)
        return self

    async def aclose(self, *, within: float | None = None) -> None:
        """Stop every component in reverse order, in about *within* seconds.

        By default, in `[app] stop_within`. It is carried through even if the caller is cancelled,
        and whoever calls meanwhile waits for the same end.
        """
        if self._closing is None or self._closing.done():
            limit = self.settings.app.stop_within if within is None else within
            self._closing = asyncio.create_task(self._close(limit), name=f"close {self.name}")
        await asyncio.shield(self._closing)

    @property
    def running(self) -> bool:
        """Whether it has been started, and not been closed."""
        return self._front is not None

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as ASGI: lifespan, `/health`, `/metrics`, the cable, the assets, the routes."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif self._front is None:
            raise NotStarted("the app is not running: `await app.start()` or `async with app`")
        else:
            await self._front(scope, receive, send)

    async def serve(self, host: str | None = None, port: int | None = None) -> AppServer:
        """Start the app and a server in the running loop; return the server once it listens.

        Port 0 picks a free one; `server.url` tells which. Closing the server closes the app.
        """
        from ._server import serve

        listen = self.settings.server
        port = listen.port if port is None else port
        return await serve(self, host or listen.host, port, grace=self._share)

    def run(self, host: str | None = None, port: int | None = None) -> None:
        """Serve until Ctrl-C or SIGTERM, then drain; for programs, as it owns the event loop."""
        from ._server import run

        run(self, host=host, port=port)

    async def health(self) -> dict[str, object]:
        """Ask every component; `detail` has one entry for each: "ok", or what is wrong."""
        from ._health import ask_all

        return await ask_all(self._components, running=self.running)

    def stats(self) -> dict[str, float]:
        """Return every component's figures, as `<name>_<figure>`."""
        return {
            f"{name}_{figure}": value
            for name, component in self._components.items()
            for figure, value in component.stats().items()
        }

    def get(self, kind: type[T]) -> T:
        """Return the component of a class: `app.get(Database)`."""
        for component in self._components.values():
            if isinstance(component, kind):
                return component
        raise AppError(f"the app has no {kind.__name__}; its components: {self._names()}")

    def __getitem__(self, name: str) -> Component:
        """Return the component called *name*, building a known one from the configuration."""
        if name not in self._components:
            if name not in PROVIDERS:
                raise AppError(f"the app has no `{name}`; its components: {self._names()}")
            if self.running:
                raise AppError(
                    f"`{name}` was first used after the start; name it before, as in "
                    f"`{name} = app.{name}`, or give it a section in the configuration"
                )
            self._components[name] = PROVIDERS[name](self)
        return self._components[name]

    @property
    def components(self) -> dict[str, Component]:
        """The components that are there, by name."""
        return dict(self._components)

    @property
    def db(self) -> Database:
        """The database."""
        return cast("Database", self["db"])

    @property
    def queue(self) -> Queue:
        """The job queue."""
        return cast("Queue", self["queue"])

    @property
    def cache(self) -> Cache:
        """The cache."""
        return cast("Cache", self["cache"])

    @property
    def cable(self) -> Cable:
        """The realtime channels."""
        return cast("Cable", self["cable"])

    @property
    def auth(self) -> Auth:
        """Users and sessions."""
        return cast("Auth", self["auth"])

    @property
    def assets(self) -> Assets:
        """Styles and scripts."""
        return cast("Assets", self["assets"])

    @property
    def web(self) -> Web:
        """Routes and pages."""
        return cast("Web", self["web"])

    async def _close(self, within: float) -> None:
        async with self._turn:
            started, self._started, self._front = self._started, [], None
            raise_failures(await stop_all(started, within=within))

    def _build_configured(self) -> None:
        """Build what the configuration names, whether the code used it or not."""
        for name in PROVIDERS:
            if getattr(self.settings, name) is not None:
                _ = self[name]

    @property
    def _share(self) -> float:
        """What requests, and then jobs, get of a stop's time to end by themselves; in seconds."""
        return self.settings.app.stop_within / 3

    def _workers(self) -> int:
        return (self.settings.queue or QueueSection()).workers

    async def _migrate(self) -> None:
        folder = self.settings.db.migrations if self.settings.db else None
        if folder is not None:
            await self.db.migrations(self.folder / folder).up()

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        """Start and close with the server that runs us (`uvicorn shop:app`, granian, …)."""
        await receive()
        try:
            await self.start()
        except Exception as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        try:
            await self.aclose()
        except Exception as error:
            await send({"type": "lifespan.shutdown.failed", "message": str(error)})
            return
        await send({"type": "lifespan.shutdown.complete"})

    def _names(self) -> str:
        return ", ".join(self._components) or "none yet"

    def view(self, every: float = 0.5) -> View:
        """Return a live view of every component for a notebook; text and HTML anywhere else."""
        from .notebook import View

        return View(self, every)

    def __repr__(self) -> str:
        return _display.line(self.name, self._components, running=self.running)

    def _repr_html_(self) -> str:
        return _display.table(self.name, self._components, running=self.running)

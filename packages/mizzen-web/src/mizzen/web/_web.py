"""The site: what is defined on it, and the ASGI app and component that it is.

What is decided once, for every site: HEAD is answered by GET's handler without the body; OPTIONS
by a 204 with Allow; a known path with another method by a 405 with Allow; a path that is known
only with or without its trailing slash by a 308 to it; an encoded slash (%2F) stays inside its
segment; bad UTF-8 or a NUL in the path is a 400. Routes go before mounts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, overload

from . import _display
from ._answering import Answering
from ._compile import compile_route
from ._error_handlers import ErrorHandlers
from ._errors import DefinitionError, UnknownRoute, ViewError
from ._hooks import KNOWN, HookList
from ._routes import Route, Routes
from ._services import Services
from ._units import Duration, Size, seconds, size
from ._views import Views

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ._client import Client
    from ._pattern import Pattern
    from ._serve import Server
    from ._views import Sources
    from .abc import ASGIApp, Receive, Scope, Send
    from .notebook import View

F = TypeVar("F")
H = TypeVar("H", bound="Callable[..., Any]")
T = TypeVar("T")


class Web(Routes):
    """A web site or API, and an ASGI app.

    `views` names the folders of templates (or `"package:folder"`, or a mapping of names to
    sources). `max_body` bounds a request's body, `max_fields` and `max_files` a form, `timeout`
    a handler. `debug` shows errors to the client: never in production.
    """

    def __init__(
        self,
        views: Sources | None = None,
        *,
        debug: bool = False,
        max_body: Size = "8MB",
        max_fields: int = 1000,
        max_files: int = 100,
        timeout: Duration | None = None,
    ) -> None:
        super().__init__(self, "", "", (HookList(),))
        self.debug = debug
        self.max_body: int = size(max_body)
        self.max_fields = max_fields
        self.max_files = max_files
        self.timeout: float | None = None if timeout is None else seconds(timeout)
        self.views: Views = Views(views, debug=debug)
        self.services: Services = Services()
        self._routes: dict[tuple[str, str], Route] = {}
        self._names: dict[str, Pattern] = {}
        self._mounts: dict[str, ASGIApp] = {}
        self.error_handlers: ErrorHandlers = ErrorHandlers()
        self._answering = Answering(self)
        self._servers: list[Server] = []
        self._started = False

    def define(self, route: Route) -> None:
        """Add a route in place of the one with its method and path."""
        compile_route(route, self)  # so that what cannot work fails at its definition
        self._routes[route.key] = route
        if route.name:
            self._names[route.name] = route.pattern
        self.changed()

    def define_mount(self, prefix: str, app: ASGIApp) -> None:
        """Add a mount in place of the one with its prefix."""
        mounts = {**self._mounts, prefix.rstrip("/"): app}
        self._mounts = dict(sorted(mounts.items(), key=lambda item: -len(item[0])))

    def changed(self) -> None:
        """Have the next request compile the routes anew."""
        self._answering.forget()

    @overload
    def provide(self, item: F, /, *, as_type: type | None = ...) -> F: ...
    @overload
    def provide(self, *items: object) -> None: ...
    def provide(self, *items: Any, as_type: type | None = None) -> Any:
        """Provide values to handlers by their type, and factories by their return annotation.

        A factory is made once per request that needs it; also a decorator. `as_type` names the
        type that handlers ask for, such as a protocol.
        """
        for item in items:
            self.services.add(item, as_type, KNOWN)
        self.changed()
        return items[0] if len(items) == 1 else None

    def provided(self, kind: type[T]) -> T:
        """Return the value provided for a type."""
        value: T = self.services.value(kind)
        return value

    def error(self, *kinds: type[BaseException] | int) -> Callable[[H], H]:
        """Answer exceptions of these types, or HTTP errors of these statuses, with a function.

        It may take the context and the exception, by annotation or as `exc`.
        """

        def define(function: H) -> H:
            for kind in kinds:
                self.error_handlers.define(kind, function)
            self.changed()
            return function

        return define

    def helpers(self, **helpers: Any) -> None:
        """Make functions and values known to every template."""
        self.views.add_helpers(helpers)

    def url(self, name: str, /, **params: Any) -> str:
        """Return the path of a named route; values that are no parameters become the query."""
        pattern = self._names.get(name)
        if pattern is None:
            known = ", ".join(sorted(self._names)) or "none yet"
            raise UnknownRoute(f"no route is named {name!r}; there are: {known}")
        return pattern.build(params)

    @property
    def routes(self) -> list[Route]:
        """The routes in the order of their definition."""
        return list(self._routes.values())

    @property
    def mounts(self) -> Mapping[str, ASGIApp]:
        """The mounted apps by prefix, the longest first."""
        return self._mounts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one ASGI connection."""
        kind = scope["type"]
        if kind == "http":
            await self._answering.http(scope, receive, send)
        elif kind == "websocket":
            await self._answering.websocket(scope, receive, send)
        elif kind == "lifespan":
            await self._lifespan(receive, send)
        else:
            raise DefinitionError(f"mizzen.web doesn't speak the ASGI protocol {kind!r}")

    async def start(self) -> Web:
        """Check the views' folders and compile the routes, so that errors show now."""
        if not self._started:
            problem = self.views.problem()
            if problem:
                raise ViewError(problem)
            self._answering.compile()
            self._started = True
        return self

    async def aclose(self) -> None:
        """Stop the servers that `serve()` started."""
        self._started = False
        servers, self._servers = self._servers, []
        for server in servers:
            await server.aclose()

    async def __aenter__(self) -> Web:
        """Start."""
        return await self.start()

    async def __aexit__(self, *exc: object) -> None:
        """Close."""
        await self.aclose()

    async def health(self) -> dict[str, object]:
        """Return whether the site can answer; `detail` names what it cannot."""
        views = self.views.problem() or "ok"
        return {"ok": views == "ok", "detail": {"views": views}}

    def stats(self) -> dict[str, float]:
        """Return counters since construction, and gauges."""
        return {
            "requests_total": self._answering.requests,
            "errors_total": self.error_handlers.errors,
            "disconnects_total": self._answering.gone,
            "in_flight": self._answering.in_flight,
            "routes": len(self._routes),
            "mounts": len(self._mounts),
        }

    async def serve(
        self, host: str = "127.0.0.1", port: int = 0, *, app: ASGIApp | None = None
    ) -> Server:
        """Serve this site, or the `app` wrapped around it, until `aclose()` of either.

        Port 0 takes a free one; `server.url` tells. Runs in the running loop, as in a notebook,
        and leaves signals alone. Needs `mizzen-web[server]`.
        """
        from ._serve import serve

        await self.start()
        server = await serve(app or self, host, port)
        self._servers = [s for s in self._servers if s.running] + [server]
        return server

    def test(self) -> Client:
        """Return a client that calls this app in process, with a cookie jar of its own."""
        from ._client import Client

        return Client(self)

    def view(self, every: float = 0.5) -> View:
        """Return a live view for a notebook; text or HTML anywhere else."""
        from .notebook import View

        return View(self, every)

    def __repr__(self) -> str:
        return _display.text(self)

    def _repr_html_(self) -> str:
        return _display.html(self)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self.start()
        except Exception as exc:
            await send({"type": "lifespan.startup.failed", "message": str(exc)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.aclose()
        await send({"type": "lifespan.shutdown.complete"})

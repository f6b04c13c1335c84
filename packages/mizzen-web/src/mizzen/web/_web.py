"""The site: an ASGI app that finds a route, runs its one compiled call, and sends the answer.

What is decided once, for every site: HEAD is answered by GET's handler without the body; OPTIONS
by a 204 with Allow; a known path with another method by a 405 with Allow; a path that is known
only with or without its trailing slash by a 308 to it; an encoded slash (%2F) stays inside its
segment; bad UTF-8 or a NUL in the path is a 400. Routes go before mounts.
"""

from __future__ import annotations

import logging
from copy import copy
from typing import TYPE_CHECKING, Any, TypeVar, overload
from urllib.parse import quote, unquote

from . import _display
from ._answers import respond
from ._compile import Endpoint, compile_error_handler, compile_route
from ._context import Context
from ._errors import (
    BadRequest,
    ClientGone,
    DefinitionError,
    HTTPError,
    NotFound,
    UnknownRoute,
    ViewError,
)
from ._hooks import KNOWN, Hook, HookList
from ._problem import error_response
from ._responses import Redirect, Response
from ._router import Router
from ._routes import Route, Routes
from ._services import Services
from ._signature import read_parameters
from ._streams import Stream
from ._units import Duration, Size, seconds, size
from ._views import Views

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._client import Client
    from ._pattern import Pattern
    from ._serve import Server
    from ._views import Sources
    from .abc import ASGIApp, Receive, Scope, Send
    from .notebook import View

F = TypeVar("F")
H = TypeVar("H", bound="Callable[..., Any]")
T = TypeVar("T")

_log = logging.getLogger("mizzen.web")
_FORMS = (b"application/x-www-form-urlencoded", b"multipart/form-data")
_OVERRIDES = frozenset({"PUT", "PATCH", "DELETE"})


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
        self._error_handlers: dict[type[BaseException] | int, Callable[..., Any]] = {}
        self._compiled_errors: dict[type[BaseException] | int, Hook] = {}
        self._router: Router[Endpoint] | None = None
        self._servers: list[Server] = []
        self._started = False
        self._requests = self._errors = self._in_flight = self._gone = 0

    # What a site is made of.

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
        self._router = None

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
            read_parameters(function, known=KNOWN)
            for kind in kinds:
                self._error_handlers[kind] = function
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
    def mounts(self) -> dict[str, ASGIApp]:
        """The mounted apps by prefix."""
        return dict(self._mounts)

    # Answering.

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one ASGI connection."""
        kind = scope["type"]
        if kind == "http":
            await self._answer(scope, receive, send)
        elif kind == "websocket":
            await self._websocket(scope, receive, send)
        elif kind == "lifespan":
            await self._lifespan(receive, send)
        else:
            raise DefinitionError(f"mizzen.web doesn't speak the ASGI protocol {kind!r}")

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._requests += 1
        self._in_flight += 1
        ctx = Context(self, scope, receive, self.max_body)
        failure: BaseException | None = None
        try:
            try:
                response = await self._respond(ctx, scope, receive, send)
                if ctx.cleanup is not None and not isinstance(response, Stream):
                    await ctx.end(None)
            except Exception as exc:
                failure = exc
                response = await self._failed(ctx, exc)
            if response is None:
                return
            if ctx.out:
                # A twin: a response kept for many requests must not collect their cookies.
                response = copy(response)
                response.raw_headers = [*response.raw_headers, *ctx.out]
            if isinstance(response, Stream):
                if not await response.send_stream(scope, receive, send):
                    self._gone += 1
            else:
                await response.send(scope, send)
        except BaseException as exc:
            failure = exc
            raise
        finally:
            self._in_flight -= 1
            if ctx.unfinished:
                await ctx.end(failure)

    async def _respond(
        self, ctx: Context, scope: Scope, receive: Receive, send: Send
    ) -> Response | None:
        router = self._router or self._build()
        path: str = scope["path"]
        root: str = scope.get("root_path") or ""
        if root and path.startswith(root):
            path = path[len(root) :]
        raw: bytes = scope.get("raw_path") or b""
        method = ctx.method
        if method == "POST" and _is_form(scope):
            method = await self._override(ctx, router, path)
        if b"%" in raw:
            segments = _encoded_segments(raw, scope["path"], root)
            found = (
                router.find(method, path)
                if segments is None
                else router.find_segments(method, segments)
            )
        else:
            found = router.find(method, path)
        if found is None:
            return await self._unrouted(ctx, router, path, root, receive, send)
        endpoint, values = found
        if values:
            ctx.params = dict(zip(endpoint.names, values, strict=True))
        if endpoint.max_body is not None:
            ctx.max_body = endpoint.max_body
        return await endpoint.run(ctx)

    async def _override(self, ctx: Context, router: Router[Endpoint], path: str) -> str:
        # Read the form before routing only where it could change the route.
        possible = router.allowed(path) & _OVERRIDES
        if not possible:
            return "POST"
        wanted = (await ctx.form()).get("_method", "").upper()
        if wanted in _OVERRIDES:
            ctx.method = wanted
        return ctx.method

    async def _unrouted(
        self,
        ctx: Context,
        router: Router[Endpoint],
        path: str,
        root: str,
        receive: Receive,
        send: Send,
    ) -> Response | None:
        allowed = router.allowed(path)
        if allowed:
            allow = ", ".join(sorted(allowed | {"OPTIONS"}))
            if ctx.method == "OPTIONS":
                return Response(status=204, headers={"allow": allow})
            raise HTTPError(405, f"{ctx.method} is not among {allow}.", headers={"allow": allow})
        mount = self._mounted(path)
        if mount is not None:
            prefix, app = mount
            await app({**ctx.scope, "root_path": root + prefix}, receive, send)
            return None
        other = path[:-1] if path.endswith("/") else path + "/"
        # "//host/" would become a redirect to another host.
        if not path.startswith("//") and router.find(ctx.method, other):
            query: bytes = ctx.scope.get("query_string", b"")
            location = quote(root + other) + ("?" + query.decode("latin-1") if query else "")
            return Redirect(location, 308)
        raise NotFound

    def _mounted(self, path: str) -> tuple[str, ASGIApp] | None:
        for prefix, app in self._mounts.items():
            if path == prefix or path.startswith(prefix + "/"):
                return prefix, app
        return None

    async def _failed(self, ctx: Context, exc: Exception) -> Response | None:
        """Return the answer for an exception; None if there is nobody to answer."""
        if isinstance(exc, ClientGone):
            self._gone += 1
            return None
        error = exc if isinstance(exc, HTTPError) else HTTPError(500)
        if error.status >= 500:
            self._errors += 1
        if not isinstance(exc, HTTPError) and type(exc) not in self._error_handlers:
            handled = self._handler_for(exc)
            if handled is None:
                _log.error("%s %s failed", ctx.method, ascii(ctx.path), exc_info=exc)
        handler = self._handler_for(exc) or self._compiled_errors.get(error.status)
        if handler is not None:
            try:
                answer = handler.call(ctx, exc)
                return respond(await answer if handler.waits else answer)
            except HTTPError as other:
                return error_response(ctx, other)
            except Exception as second:
                self._errors += 1
                _log.error("an error handler failed", exc_info=second)
                return error_response(ctx, HTTPError(500), second)
        return error_response(ctx, error, None if error is exc else exc)

    def _handler_for(self, exc: Exception) -> Hook | None:
        if isinstance(exc, HTTPError) and exc.status in self._compiled_errors:
            return self._compiled_errors[exc.status]
        for kind in type(exc).__mro__:
            if kind in self._compiled_errors:
                return self._compiled_errors[kind]
        return None

    def _build(self) -> Router[Endpoint]:
        router: Router[Endpoint] = Router()
        for route in self._routes.values():
            router.add(route.method, route.pattern, compile_route(route, self))
        self._compiled_errors = {
            kind: compile_error_handler(function, self)
            for kind, function in self._error_handlers.items()
        }
        self._router = router
        return router

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        root: str = scope.get("root_path") or ""
        path: str = scope["path"]
        mount = self._mounted(path.removeprefix(root))
        if mount is None:
            await receive()  # the connect; a close before accepting refuses the handshake
            await send({"type": "websocket.close", "code": 1000})
            return
        prefix, app = mount
        await app({**scope, "root_path": root + prefix}, receive, send)

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

    # The shape of a component.

    async def start(self) -> Web:
        """Check the views' folders and compile the routes, so that errors show now."""
        if not self._started:
            problem = self.views.problem()
            if problem:
                raise ViewError(problem)
            self._build()
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
            "requests_total": self._requests,
            "errors_total": self._errors,
            "disconnects_total": self._gone,
            "in_flight": self._in_flight,
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


def _is_form(scope: Scope) -> bool:
    return any(
        name == b"content-type" and value.lower().startswith(_FORMS)
        for name, value in scope["headers"]
    )


def _encoded_segments(raw: bytes, path: str, root: str) -> list[str] | None:
    """Return the segments of a path with an encoded slash; None if the decoded path will do."""
    try:
        parts = [unquote(part, errors="strict") for part in raw.decode("ascii").split("/")]
    except UnicodeDecodeError as exc:
        raise BadRequest("The path is not valid UTF-8.") from exc
    if "\0" in path:
        raise BadRequest("The path contains a NUL.")
    # A layer that rewrote `path` but not `raw_path` is believed.
    if b"%2f" not in raw.lower() or "/".join(parts) != path:
        return None
    return parts[1 + root.count("/") :]

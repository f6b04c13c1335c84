"""Answering a request: find the route, run its one compiled call, send what it returns."""

from __future__ import annotations

import logging
from copy import copy
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from ._compile import Endpoint, compile_route
from ._context import Context
from ._errors import BadRequest, ClientGone, HTTPError, NotFound
from ._responses import Redirect, Response
from ._router import Router
from ._streams import Stream

if TYPE_CHECKING:
    from ._web import Web
    from .abc import ASGIApp, Receive, Scope, Send

_log = logging.getLogger("mizzen.web")
_FORMS = (b"application/x-www-form-urlencoded", b"multipart/form-data")
_OVERRIDES = frozenset({"PUT", "PATCH", "DELETE"})


class Answering:
    """The running side of a site: its compiled router, and its counters."""

    def __init__(self, site: Web) -> None:
        self._site = site
        self._router: Router[Endpoint] | None = None
        self.requests = self.in_flight = self.gone = 0

    def forget(self) -> None:
        """Have the next request compile the routes anew."""
        self._router = None

    def compile(self) -> Router[Endpoint]:
        """Compile every route with the hooks and services there are now."""
        router: Router[Endpoint] = Router()
        for route in self._site.routes:
            router.add(route.method, route.pattern, compile_route(route, self._site))
        self._site.error_handlers.compile(self._site.services)
        self._router = router
        return router

    async def http(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; what fails before the first byte becomes an error's answer."""
        self.requests += 1
        self.in_flight += 1
        ctx = Context(self._site, scope, receive, self._site.max_body)
        failure: BaseException | None = None
        try:
            try:
                response = await self._respond(ctx, scope)
                if ctx.unfinished and not isinstance(response, Stream):
                    await ctx.end(None)
            except Exception as exc:
                failure = exc
                if isinstance(exc, ClientGone):
                    self.gone += 1
                    return
                response = await self._site.error_handlers.answer(ctx, exc)
                if ctx.unfinished:
                    await self._end_failed(ctx, exc)
            if ctx.out:
                # A twin: a response kept for many requests must not collect their cookies.
                response = copy(response)
                response.raw_headers = [*response.raw_headers, *ctx.out]
            if isinstance(response, Stream):
                if not await response.send_stream(scope, receive, send):
                    self.gone += 1
            else:
                await self._send(response, scope, send)
        except BaseException as exc:
            failure = exc
            raise
        finally:
            self.in_flight -= 1
            if ctx.unfinished:
                await self._end_failed(ctx, failure) if failure else await ctx.end(None)

    async def websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a WebSocket to its mount, or refuse it."""
        path, root = _below_root(scope)
        mount = self._mounted(path)
        if mount is None:
            await receive()  # the connect; a close before accepting refuses the handshake
            await send({"type": "websocket.close", "code": 1000})
            return
        prefix, app = mount
        await app({**scope, "root_path": root + prefix}, receive, send)

    async def _respond(self, ctx: Context, scope: Scope) -> Response:
        router = self._router or self.compile()
        path, root = _below_root(scope)
        raw: bytes = scope.get("raw_path") or b""
        segments = _encoded_segments(raw, scope["path"], root) if b"%" in raw else None
        method = ctx.method
        if method == "POST" and _is_form(scope):
            method = await self._override(ctx, router.allowed(path, segments))
        found = router.find(method, path, segments)
        if found is None:
            return self._unrouted(ctx, router, path, segments, root)
        endpoint, values = found
        if values:
            ctx.params = dict(zip(endpoint.names, values, strict=False))
        if endpoint.max_body is not None:
            ctx.max_body = endpoint.max_body
        return await endpoint.run(ctx)

    async def _override(self, ctx: Context, allowed: set[str]) -> str:
        # The form is read before routing only where it could change the route.
        if allowed & _OVERRIDES:
            wanted = (await ctx.form()).get("_method", "").upper()
            if wanted in _OVERRIDES:
                ctx.method = wanted
        return ctx.method

    def _unrouted(
        self,
        ctx: Context,
        router: Router[Endpoint],
        path: str,
        segments: list[str] | None,
        root: str,
    ) -> Response:
        allowed = router.allowed(path, segments)
        if allowed:
            allow = ", ".join(sorted(allowed | {"OPTIONS"}))
            if ctx.method == "OPTIONS":
                return Response(status=204, headers={"allow": allow})
            raise HTTPError(405, f"{ctx.method} is not among {allow}.", headers={"allow": allow})
        mount = self._mounted(path)
        if mount is not None:
            prefix, app = mount
            return _Handover(app, root + prefix)
        other = path[:-1] if path.endswith("/") else path + "/"
        # "//host/" would become a redirect to another host.
        if segments is None and not path.startswith("//") and router.find(ctx.method, other):
            query: bytes = ctx.scope.get("query_string", b"")
            location = quote(root + other) + ("?" + query.decode("latin-1") if query else "")
            return Redirect(location, 308)
        raise NotFound

    def _mounted(self, path: str) -> tuple[str, ASGIApp] | None:
        for prefix, app in self._site.mounts.items():
            if path == prefix or path.startswith(prefix + "/"):
                return prefix, app
        return None

    async def _send(self, response: Response, scope: Scope, send: Send) -> None:
        try:
            await response.send(scope, send)
        except OSError:  # how servers may say that the client has left
            self.gone += 1

    async def _end_failed(self, ctx: Context, failure: BaseException) -> None:
        try:
            await ctx.end(failure)
        except Exception as exc:
            if exc is not failure:
                _log.error("cleaning up after a failed request failed", exc_info=exc)


class _Handover(Stream):
    """In place of a response: another app, which sends for itself."""

    __slots__ = ("_app", "_root")

    def __init__(self, app: ASGIApp, root: str) -> None:
        self._app = app
        self._root = root
        self.raw_headers = []

    async def send_stream(self, scope: Scope, receive: Receive, send: Send) -> bool:
        await self._app({**scope, "root_path": self._root}, receive, send)
        return True


def _below_root(scope: Scope) -> tuple[str, str]:
    path: str = scope["path"]
    root: str = scope.get("root_path") or ""
    if root and (path == root or path.startswith(root + "/")):
        return path[len(root) :] or "/", root
    return path, root


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

"""The web core against Starlette, both called in process: no server, no socket.

The raw ASGI app says how much of a figure is the cost of being called at all.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import JSONResponse
from starlette.routing import Route
from table import Figure, alternate

from mizzen.web import Context, Web

CALLS = 2000


def scope(path: str) -> dict[str, Any]:
    """Return what uvicorn would call the app with."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"127.0.0.1"), (b"accept", b"*/*"), (b"user-agent", b"bench")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "state": {},
    }


async def receive() -> dict[str, Any]:
    """Give an empty body."""
    return {"type": "http.request", "body": b"", "more_body": False}


async def send(message: Any) -> None:
    """Take the answer."""


def timed(app: Any, path: str) -> Any:
    """Return a function that calls the app CALLS times and returns microseconds per call."""

    async def run() -> float:
        loop = asyncio.get_running_loop()
        start = loop.time()
        for _ in range(CALLS):
            await app(scope(path), receive, send)
        return (loop.time() - start) / CALLS * 1e6

    return lambda: asyncio.run(run())


async def raw(scope: Any, receive: Any, send: Any) -> None:
    """Answer without any framework."""
    body = json.dumps({"hello": "world"}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def ours(routes: int = 1, hooks: int = 0) -> Web:
    """Return our site, its measured routes last."""
    web = Web()
    for n in range(routes - 1):
        web.get(f"/section{n}/{{id}}/items")(_nothing)

    @web.get("/hello")
    async def hello() -> dict[str, str]:
        return {"hello": "world"}

    @web.get("/gists/{id}/files/{name}")
    async def show(id: int, name: str, ctx: Context) -> dict[str, Any]:
        return {"id": id, "name": name}

    for _ in range(hooks):
        web.before(lambda ctx: None)
    return web


async def _nothing() -> None: ...


def peer(routes: int = 1, hooks: int = 0) -> Starlette:
    """Return the same site on Starlette."""

    async def hello(request: Any) -> JSONResponse:
        return JSONResponse({"hello": "world"})

    async def show(request: Any) -> JSONResponse:
        params = request.path_params
        return JSONResponse({"id": params["id"], "name": params["name"]})

    async def passing(request: Any, call_next: Any) -> Any:
        return await call_next(request)

    table = [Route(f"/section{n}/{{id}}/items", hello) for n in range(routes - 1)]
    table += [Route("/hello", hello), Route("/gists/{id:int}/files/{name}", show)]
    layers = [Middleware(BaseHTTPMiddleware, dispatch=passing) for _ in range(hooks)]
    return Starlette(routes=table, middleware=layers)


def measure() -> list[Figure]:
    """Return the figures, each the median of alternating rounds."""
    compared = [
        ("JSON route, µs", ours(), peer(), "/hello", "Starlette", 2.0),
        ("JSON route, µs", ours(), raw, "/hello", "raw ASGI", None),
        ("two path parameters, µs", ours(), peer(), "/gists/7/files/a", "Starlette", 2.0),
        ("JSON among 500 routes, µs", ours(500), peer(500), "/hello", "Starlette", 10.0),
        ("one hook, µs", ours(1, 1), peer(1, 1), "/hello", "BaseHTTPMiddleware", 5.0),
        ("unknown path, µs", ours(), peer(), "/nowhere", "Starlette", None),
    ]
    figures: list[Figure] = []
    for name, mine, theirs, path, peer_name, goal in compared:
        a, b = alternate(timed(mine, path), timed(theirs, path))
        figures.append(Figure(name, a, b, peer_name, goal))
    return figures

"""The front door: which part of the app answers a request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from ._health import HEALTH_PATHS, answer_health
from ._metrics import answer_metrics
from ._reply import reply

if TYPE_CHECKING:
    from ._app import App
    from .abc import ASGIApp, Component, Receive, Scope, Send


class Front:
    """Health and metrics, then what is mounted (the cable, the assets, yours), then the routes."""

    def __init__(
        self, app: App, components: dict[str, Component], mounts: dict[str, ASGIApp]
    ) -> None:
        self._app = app
        self._observe = app.settings.observe
        self._own_paths = own_prefixes(components)
        self._mounts = sorted(mounts.items(), key=lambda mount: -len(mount[0]))
        self._rest = rest_of(components)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        if scope["type"] == "http":
            if path in HEALTH_PATHS and self._observe.health:
                return await answer_health(self._app, scope, send)
            if path == "/metrics" and self._observe.metrics:
                return await answer_metrics(self._app, scope, send)
        for prefix, part in self._own_paths:
            if is_below(path, prefix):
                return await part(scope, receive, send)
        for prefix, part in self._mounts:
            if is_below(path, prefix):
                return await part(below(scope, prefix), receive, send)
        return await self._rest(scope, receive, send)


def own_prefixes(components: dict[str, Component]) -> list[tuple[str, ASGIApp]]:
    """Return the components that answer below a path of their own, by that path."""
    parts = cast("dict[str, Any]", components)
    found: list[tuple[str, ASGIApp]] = []
    if "assets" in parts:
        found.append((parts["assets"].prefix.rstrip("/"), parts["assets"]))
    if "cable" in parts:
        found.append((parts["cable"].path.rstrip("/"), parts["cable"]))
    return found


def rest_of(components: dict[str, Component]) -> ASGIApp:
    """Return what answers every other path: the routes, behind the layer that knows who asks."""
    parts = cast("dict[str, Any]", components)
    web: ASGIApp = parts.get("web", nothing_here)
    return parts["auth"].layer(web) if "auth" in parts else web


async def nothing_here(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer for an app that has no routes."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1000})
    else:
        await reply(send, 404, "text/plain", "There is nothing at this address.\n")


def is_below(path: str, prefix: str) -> bool:
    """Tell whether *path* is *prefix*, or lies below it."""
    return path == prefix or path.startswith(prefix + "/")


def below(scope: Scope, prefix: str) -> Scope:
    """Return the scope as an app mounted at *prefix* sees it."""
    return {**scope, "root_path": scope.get("root_path", "") + prefix}

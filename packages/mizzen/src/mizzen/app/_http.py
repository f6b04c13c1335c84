"""The front door: which part of the app answers a request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._health import HEALTH_PATHS, answer_health
from ._metrics import answer_metrics
from ._wiring import everything_else, own_paths

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
        self._own_paths = own_paths(components.values())
        self._mounts = sorted(mounts.items(), key=lambda mount: -len(mount[0]))
        self._rest = everything_else(components)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        full: str = scope["path"]
        path = inside(full, scope.get("root_path", ""))
        if scope["type"] == "http":
            if path in HEALTH_PATHS and self._observe.health:
                return await answer_health(self._app, scope, send)
            if path == "/metrics" and self._observe.metrics:
                return await answer_metrics(self._app, scope, send)
        for prefix, part in self._own_paths:
            # `[assets] prefix` may name the whole address, for pages that link to it.
            if is_below(path, prefix) or is_below(full, prefix):
                return await part(scope, receive, send)
        for prefix, part in self._mounts:
            if is_below(path, prefix):
                return await part(below(scope, prefix), receive, send)
        return await self._rest(scope, receive, send)


def inside(path: str, root: str) -> str:
    """Return the path as the app knows it, wherever another app or a proxy has put it."""
    return (path[len(root) :] or "/") if root and is_below(path, root) else path


def is_below(path: str, prefix: str) -> bool:
    """Tell whether *path* is *prefix*, or lies below it."""
    return path == prefix or path.startswith(prefix + "/")


def below(scope: Scope, prefix: str) -> Scope:
    """Return the scope as an app mounted at *prefix* sees it."""
    return {**scope, "root_path": scope.get("root_path", "") + prefix}

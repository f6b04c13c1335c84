"""How components meet: by what they can do, whatever they are and are called.

Handlers ask for components by type, templates for assets by helper; one component answers below a
path of its own, another wraps the rest. Each power is a small protocol, met structurally.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeGuard, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .abc import ASGIApp, Component, Receive, Scope, Send


@runtime_checkable
class TakesServices(Protocol):
    """Hands components to those who ask for them by type (`mizzen.web.Web`)."""

    def provide(self, *services: object) -> object: ...
    def helpers(self, **functions: Callable[..., Any]) -> object: ...


@runtime_checkable
class GivesAssets(Protocol):
    """Knows the addresses of styles and scripts (`mizzen.assets.Assets`)."""

    def url(self, name: str) -> str: ...
    def tag(self, name: str) -> Any: ...


@runtime_checkable
class MakesWorkers(Protocol):
    """Has jobs to be run (`mizzen.queue.Queue`)."""

    def worker(self, *, concurrency: int, grace: float) -> Component: ...


@runtime_checkable
class Wraps(Protocol):
    """Stands before the routes (`mizzen.auth.Auth`)."""

    def layer(self, app: ASGIApp) -> ASGIApp: ...


def introduce(components: dict[str, Component], *, workers: int, grace: float) -> None:
    """Let components find each other, before they start; add a worker for the queue's jobs.

    At the end, its running jobs get *grace* seconds.
    """
    queue = components.get("queue")
    if workers and "worker" not in components and isinstance(queue, MakesWorkers):
        components["worker"] = queue.worker(concurrency=workers, grace=grace)
    for taker in list(components.values()):
        if isinstance(taker, TakesServices):
            taker.provide(*(other for other in components.values() if other is not taker))
            for assets in components.values():
                if isinstance(assets, GivesAssets):
                    taker.helpers(asset_url=assets.url, asset_tag=assets.tag)


def own_paths(components: Iterable[Component]) -> list[tuple[str, ASGIApp]]:
    """Return the ASGI apps among the components that answer below a path of their own."""
    found: list[tuple[str, ASGIApp]] = []
    for component in components:
        prefix = getattr(component, "path", None) or getattr(component, "prefix", None)
        if isinstance(prefix, str) and is_asgi(component):
            found.append((prefix.rstrip("/"), component))
    return found


def everything_else(components: dict[str, Component]) -> ASGIApp:
    """Return what answers every other path: `web`, behind the layers that others put before it."""
    web = components.get("web")
    app: ASGIApp = web if is_asgi(web) else nothing_here
    for component in components.values():
        if isinstance(component, Wraps):
            app = component.layer(app)
    return app


def is_asgi(component: object) -> TypeGuard[ASGIApp]:
    """Tell whether a component can be called with a scope."""
    return callable(component)


async def nothing_here(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer for an app that has no routes."""
    from ._reply import reply

    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1000})
    else:
        await reply(send, 404, "text/plain", "There is nothing at this address.\n")

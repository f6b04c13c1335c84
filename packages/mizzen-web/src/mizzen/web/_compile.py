"""A route and everything around it, compiled into the one call that the hot path makes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ._binding import Binder
from ._controller import compile_action
from ._errors import HTTPError
from ._hooks import Run, compile_call, compile_hook, fuse
from ._responses import Response

if TYPE_CHECKING:
    from ._context import Context
    from ._routes import Route
    from ._web import Web


class Endpoint(NamedTuple):
    """What a router finds: the names of the path's values, and the call."""

    names: tuple[str, ...]
    run: Run
    max_body: int | None


def compile_route(route: Route, site: Web) -> Endpoint:
    """Return the endpoint; outer hooks wrap inner ones."""
    services, names, method = site.services, route.pattern.names, route.method
    if route.controller is not None:
        call = compile_action(
            route.controller, route.handler.__name__, services, path=names, method=method
        )
    else:
        binder = Binder(route.handler, route.parameters, services, path=names, method=method)
        call = compile_call(route.handler, binder)
    before = [
        compile_hook(hook, services, path=names, method=method)
        for scope in route.hooks
        for hook in scope.before
    ]
    after = [
        compile_hook(
            hook, services, path=names, method=method, about="response", about_type=Response
        )
        for scope in reversed(route.hooks)
        for hook in scope.after
    ]
    run = fuse(call, before, after)
    if site.timeout is not None:
        run = _timed(run, site.timeout)
    return Endpoint(names, run, route.max_body)


def _timed(run: Run, limit: float) -> Run:
    async def run_timed(ctx: Context) -> Response:
        import anyio

        with anyio.move_on_after(limit):
            return await run(ctx)
        raise HTTPError(503, "The answer took too long.")

    return run_timed

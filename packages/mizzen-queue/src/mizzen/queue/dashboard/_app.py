"""The dashboard's ASGI app: who asks, for which page, and what they want done."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import TYPE_CHECKING

from .._errors import NotStarted, StoreError
from . import _actions, _job, _jobs, _overview, _schedules, _workers
from ._auth import Auth, identify_by
from ._csrf import Csrf
from ._http import Receive, Refused, Request, Response, Scope, Send
from ._layout import page, refusal

if TYPE_CHECKING:
    from collections.abc import Collection

    from .._queue import Queue

_HERE = files("mizzen.queue.dashboard")
_ASSETS = {
    f"/assets/{name}": (kind, _HERE.joinpath(name).read_bytes())
    for name, kind in {
        "style.css": "text/css; charset=utf-8",
        "live.js": "text/javascript; charset=utf-8",
    }.items()
}
_JOB = re.compile(r"/jobs/(\d{1,18})")
_JOB_ACTION = re.compile(r"/jobs/(\d{1,18})/(\w+)")
_PAGES = {
    "/": _overview.show,
    "/jobs": _jobs.show,
    "/workers": _workers.show,
    "/schedules": _schedules.show,
}


def dashboard(
    q: Queue,
    *,
    auth: Auth | None = None,
    insecure: bool = False,
    secret: str | None = None,
    origins: Collection[str] = (),
) -> Dashboard:
    """Return an ASGI app that shows *q*, and lets people retry, cancel, pause and delete.

    *auth* is required: a user and a password, for HTTP basic; or `async (scope) -> identity`,
    where None refuses. `insecure=True` instead lets everybody in. Several processes behind one
    address need the same *secret*, for their forms; a proxy that changes the Host header needs
    the *origins* that browsers see, such as `https://ops.example.org`. Served by itself, it
    starts and closes the queue; mounted, it leaves that to the application.
    """
    return Dashboard(q, auth=auth, insecure=insecure, secret=secret, origins=origins)


class Dashboard:
    """What `dashboard` returns: an ASGI 3 application."""

    def __init__(
        self,
        q: Queue,
        *,
        auth: Auth | None,
        insecure: bool,
        secret: str | None,
        origins: Collection[str],
    ) -> None:
        self.queue = q
        self._identify = identify_by(auth, insecure=insecure)
        self._csrf = Csrf(secret, origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        elif scope["type"] == "http":
            response = await self._answer(scope, receive)
            await response.send(send, body=scope["method"] != "HEAD")

    async def _answer(self, scope: Scope, receive: Receive) -> Response:
        request: Request | None = None
        try:
            request = Request.of(scope)
            request.identity = await self._identify(request)
            self._csrf.prepare(request)
            self.queue.require_started()
            if request.method == "POST":
                await request.read_form(receive)
                self._csrf.check(request)
                return await self._act(request)
            if request.method not in ("GET", "HEAD"):
                raise Refused(405, "Only GET and POST.", {"allow": "GET, HEAD, POST"})
            response = await self._show(request)
            self._csrf.give(request, response)
            return response
        except Refused as exc:
            return refusal(exc.status, str(exc), exc.headers)
        except (StoreError, NotStarted) as exc:
            return refusal(503, str(exc), {"retry-after": "5"})

    async def _show(self, request: Request) -> Response:
        if request.path == "/metrics":
            text = await self.queue.prometheus()
            return Response(text, kind="text/plain; version=0.0.4; charset=utf-8")
        if asset := _ASSETS.get(request.path):
            return Response(asset[1], kind=asset[0])
        if found := _JOB.fullmatch(request.path):
            shown = await _job.show(self.queue, request, int(found[1]))
        elif show := _PAGES.get(request.path.rstrip("/") or "/"):
            shown = await show(self.queue, request)
        else:
            raise Refused(404, "There is no such page.")
        return page(self.queue, request, shown)

    async def _act(self, request: Request) -> Response:
        if found := _JOB_ACTION.fullmatch(request.path):
            return await _actions.on_job(self.queue, request, int(found[1]), found[2])
        action = _actions.ACTIONS.get(request.path)
        if action is None:
            raise Refused(404, "There is no such action.")
        return await action(self.queue, request)

    async def _live(self, receive: Receive, send: Send) -> None:
        """Start the queue with the server that serves this app alone, unless it was started."""
        started = False
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                try:
                    self.queue.require_started()
                except NotStarted:
                    await self.queue.start()
                    started = True
                await send({"type": "lifespan.startup.complete"})
            else:
                if started:
                    await self.queue.aclose()
                await send({"type": "lifespan.shutdown.complete"})
                return

    def __repr__(self) -> str:
        return f"<mizzen.queue.dashboard.Dashboard of {self.queue.url}>"

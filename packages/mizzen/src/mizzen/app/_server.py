"""Serving an app: in a running loop (a notebook, a test), or as a program of its own."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import anyio

from ._signals import until_signalled

if TYPE_CHECKING:
    from mizzen.web import Server

    from ._app import App


class AppServer:
    """A running app that listens; closing it drains the requests, then closes the app."""

    def __init__(self, app: App, server: Server) -> None:
        self._app, self._server = app, server

    @property
    def url(self) -> str:
        """The address, without a slash at its end."""
        return self._server.url

    @property
    def port(self) -> int:
        """The port, also where 0 was asked for."""
        return self._server.port

    @property
    def running(self) -> bool:
        """Whether it still serves."""
        return self._server.running

    async def aclose(self) -> None:
        """Take no more connections, let running requests end, and close every component.

        All of it in about `[app] stop_within` seconds.
        """
        deadline = time.monotonic() + self._app.settings.app.stop_within
        try:
            await self._server.aclose()
        finally:
            await self._app.aclose(within=deadline - time.monotonic())

    async def __aenter__(self) -> AppServer:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"<mizzen.app.AppServer {self.url} {'running' if self.running else 'stopped'}>"

    def _repr_html_(self) -> str:
        return f'<a href="{self.url}" target="_blank" rel="noopener">{self.url}</a>'


async def serve(app: App, host: str, port: int, *, grace: float) -> AppServer:
    """Start *app*, then listen; when the port can't be had, an app that was started is closed.

    At the end, running requests get *grace* seconds.
    """
    import mizzen.web

    ran_before = app.running
    await app.start()
    try:
        return AppServer(app, await mizzen.web.serve(app, host, port, grace=grace))
    except BaseException:
        if not ran_before:
            with anyio.CancelScope(shield=True):
                await app.aclose()
        raise


def run(app: App, *, host: str | None, port: int | None) -> None:
    """Serve until a signal comes, then let requests finish and close every component."""

    async def main() -> None:
        async with AsyncExitStack() as opened, until_signalled() as signalled:
            server = await opened.enter_async_context(await app.serve(host, port))
            print(f"{app.name} is at {server.url}  (Ctrl-C stops it)", flush=True)
            await signalled()

    asyncio.run(main())

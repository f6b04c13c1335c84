"""Serving an app: in a running loop (a notebook, a test), or as a program of its own."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ._signals import until_signalled

if TYPE_CHECKING:
    from mizzen.web import Server

    from ._app import App


async def serve(app: App, host: str, port: int) -> Server:
    """Start *app*, then listen; when the port can't be had, the app is closed again."""
    import mizzen.web

    await app.start()
    try:
        return await mizzen.web.serve(app, host=host, port=port, on_close=app.aclose)
    except BaseException:
        await app.aclose()
        raise


def run(app: App, *, host: str | None, port: int | None) -> None:
    """Serve until a signal comes, then let requests finish and close every component."""

    async def main() -> None:
        server = await app.serve(host, port)
        print(f"{app.name} is at {server.url}  (Ctrl-C stops it)", flush=True)
        await until_signalled()
        await server.aclose()

    asyncio.run(main())

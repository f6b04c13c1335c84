"""Serving over HTTP with uvicorn, from a program or from a cell of a notebook."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from typing import TYPE_CHECKING, Any, cast

from ._errors import AddressInUse, MissingExtra, ServerFailed
from ._responses import Text

if TYPE_CHECKING:
    from .abc import ASGIApp, Receive, Scope, Send

# Requests still running when the server is closed get this long, in seconds, if not told otherwise.
GRACE = 5.0


class Server:
    """A running server: `url`, and `await aclose()`."""

    def __init__(self, engine: Any, listener: socket.socket, host: str, grace: float) -> None:
        self._engine = engine
        self._grace = grace
        self._listener = listener
        self.host = host
        self.port: int = listener.getsockname()[1]
        self._failure: BaseException | None = None
        # The owner task: started in one cell, ended from another.
        self._task = asyncio.create_task(self._run())

    @property
    def url(self) -> str:
        """The address, without a slash at its end."""
        shown = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{shown}:{self.port}"

    @property
    def running(self) -> bool:
        """Whether it still serves."""
        return not self._task.done()

    async def started(self) -> None:
        """Wait until requests are answered."""
        # uvicorn tells by an attribute only.
        while not self._engine.started and self.running:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        if not self.running:
            await self.aclose()

    async def aclose(self) -> None:
        """Take no more connections, let running requests end within the grace, and stop.

        Raises ServerFailed if the server had stopped by itself before.
        """
        self._engine.should_exit = True
        await asyncio.wait([self._task], timeout=self._grace + 2)
        if not self._task.done():
            self._engine.force_exit = True
            self._task.cancel()
            await asyncio.wait([self._task])
        failure, self._failure = self._failure, None
        if failure is not None:
            raise ServerFailed(f"the server on {self.url} stopped: {failure!r}") from failure

    async def _run(self) -> None:
        try:
            await self._engine.serve(sockets=[self._listener])
        except (Exception, SystemExit) as exc:  # uvicorn exits where it cannot start
            self._failure = exc
        finally:
            self._listener.close()

    async def __aenter__(self) -> Server:
        """Return the server, which runs already."""
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Close."""
        await self.aclose()

    def __repr__(self) -> str:
        return f"<mizzen.web.Server {self.url} {'running' if self.running else 'stopped'}>"

    def _repr_html_(self) -> str:
        return f'<a href="{self.url}" target="_blank" rel="noopener">{self.url}</a>'


async def serve(
    app: ASGIApp, host: str = "127.0.0.1", port: int = 0, *, grace: float = GRACE
) -> Server:
    """Serve any ASGI app in the running loop; port 0 takes a free one.

    At the end, running requests get *grace* seconds. Signals stay the caller's, and the app's
    lifespan is not run: start it before.
    """
    try:
        import uvicorn
    except ImportError as exc:
        raise MissingExtra('serving needs uvicorn: pip install "mizzen-web[server]"') from exc

    class Engine(uvicorn.Server):
        # Ctrl-C belongs to the program around, or to the notebook's kernel.
        def capture_signals(self) -> Any:
            return contextlib.nullcontext()

    async def until_stopped(scope: Scope, receive: Receive, send: Send) -> None:
        if not engine.should_exit:
            try:
                return await app(scope, receive, send)
            except asyncio.CancelledError:
                # uvicorn cancels what outlives the grace, and would print a traceback for each.
                if not engine.should_exit:
                    raise
        if scope["type"] == "http":
            with contextlib.suppress(Exception, asyncio.CancelledError):
                await Text("The server is stopping.\n", 503).send(scope, send)

    listener = _listen(host, port)
    config = uvicorn.Config(
        until_stopped,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=cast("int", grace),  # a float does, whatever its type says
    )
    engine = Engine(config)
    server = Server(engine, listener, host, grace)
    try:
        await server.started()
    except BaseException:  # cancelled: whoever waits for the server will not close it
        await server.aclose()
        raise
    return server


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)
        listener.setblocking(False)
    except OSError as exc:
        listener.close()
        if exc.errno == errno.EADDRINUSE:
            raise AddressInUse(
                f"port {port} on {host} is in use; stop what listens there, or choose another "
                "port (0 takes any free one)"
            ) from exc
        raise
    return listener

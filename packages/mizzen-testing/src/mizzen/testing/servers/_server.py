"""What every server has in common: an address, fresh databases, and an end."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from .._errors import TestingError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from typing import Self

    from .._daemon import Daemon


class Server(ABC):
    """A real server: one given by URL, or one of our own that ends with this process.

    Use it as `with` or as `async with`, or call `start()` and `close()`.
    """

    kind: ClassVar[str]
    variable: ClassVar[str]  # the environment variable that names a server to use instead of ours

    def __init__(self, url: str | None = None) -> None:
        self._given = url
        self._url: str | None = None
        self._daemon: Daemon | None = None

    @property
    def url(self) -> str:
        """The server's address, with its default database where it has such a thing."""
        if self._url is None:
            raise TestingError(f"The {self.kind} server is not running; use `with`, or `start()`.")
        return self._url

    @property
    def ours(self) -> bool:
        """Whether we started it: then all that it holds may be thrown away."""
        return self._daemon is not None

    def start(self) -> Self:
        """Connect to the server given by URL or by environment, else start one of our own.

        Raises ServerUnavailable when there is nothing to start, ServerFailed when it does not
        come up. Starting twice is fine.
        """
        if self._url is None:
            given = self._given or os.environ.get(self.variable)
            self._url = given or self._launch()
        return self

    def close(self) -> None:
        """Stop the server if it is ours, and remove all that it wrote; may be called twice."""
        daemon, self._daemon, self._url = self._daemon, None, None
        if daemon is not None:
            daemon.stop()

    @abstractmethod
    def fresh(self) -> AbstractContextManager[str]:
        """Give the URL of an empty database, and drop that database at the end."""

    @abstractmethod
    def _launch(self) -> str:
        """Start a server of our own, set `_daemon`, and return its URL."""

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        from anyio.to_thread import run_sync

        return await run_sync(self.start)

    async def __aexit__(self, *exc_info: object) -> None:
        from anyio import CancelScope
        from anyio.to_thread import run_sync

        with CancelScope(shield=True):
            await run_sync(self.close)

    def __repr__(self) -> str:
        name = f"mizzen.testing.{type(self).__name__.lower()}"
        if self._url is None:
            return f"<{name}: not running>"
        from urllib.parse import urlsplit

        address = urlsplit(self._url)
        whose = "its own" if self.ours else "given"
        return f"<{name} {address.hostname}:{address.port}: {whose}>"

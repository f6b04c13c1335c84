"""Just enough of the NATS protocol to list and delete streams: no client library is needed."""

from __future__ import annotations

import json
import secrets
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import unquote, urlsplit

from .._errors import ServerFailed

if TYPE_CHECKING:
    from collections.abc import Generator


class Wire:
    """One connection that asks the JetStream API and waits for the answer."""

    def __init__(self, connection: socket.socket, lines: BinaryIO, address: str) -> None:
        self._connection, self._lines, self._address = connection, lines, address
        self._inbox = f"_INBOX.{secrets.token_hex(8)}"

    def greet(self, options: dict[str, object]) -> None:
        """Log in, and wait until the server has agreed."""
        if not self._lines.readline().startswith(b"INFO "):
            raise ServerFailed(f"No NATS server answers at {self._address}.")
        connect = json.dumps(
            {"verbose": False, "pedantic": False, "no_responders": True, "headers": True, **options}
        )
        self._connection.sendall(f"CONNECT {connect}\r\nSUB {self._inbox} 1\r\nPING\r\n".encode())
        reply = self._lines.readline().strip()
        if reply != b"PONG":
            raise ServerFailed(f"NATS at {self._address}: {reply.decode(errors='replace')}")

    def ask(self, subject: str, **request: object) -> dict[str, Any]:
        """Send one request to JetStream and return its answer."""
        payload = json.dumps(request).encode()
        head = f"PUB $JS.API.{subject} {self._inbox} {len(payload)}\r\n".encode()
        self._connection.sendall(head + payload + b"\r\n")
        while words := self._lines.readline().split():
            if words[0] == b"PING":
                self._connection.sendall(b"PONG\r\n")
            elif words[0] == b"MSG":
                answer: dict[str, Any] = json.loads(self._lines.read(int(words[-1]) + 2))
                if "error" in answer:
                    raise ServerFailed(f"NATS at {self._address}, {subject}: {answer['error']}")
                return answer
            else:  # HMSG with "no responders", or -ERR
                raise ServerFailed(f"NATS at {self._address} runs without JetStream (-js).")
        raise ServerFailed(f"NATS at {self._address} closed the connection.")

    def streams(self) -> set[str]:
        """Return the names of all streams; buckets and object stores are streams too."""
        names: list[str] = []
        while True:
            answer = self.ask("STREAM.NAMES", offset=len(names))
            names += answer["streams"] or []
            if len(names) >= answer["total"]:
                return set(names)

    def delete(self, stream: str) -> None:
        """Delete a stream with its messages and consumers."""
        self.ask(f"STREAM.DELETE.{stream}")


@contextmanager
def connected(url: str) -> Generator[Wire]:
    """Connect to `nats://[user:password@]host:port`, or with a token in the user's place."""
    address = urlsplit(url)
    host, port = address.hostname or "127.0.0.1", address.port or 4222
    options: dict[str, object] = {}
    if address.username and address.password:
        options = {"user": unquote(address.username), "pass": unquote(address.password)}
    elif address.username:
        options = {"auth_token": unquote(address.username)}
    try:
        with (
            socket.create_connection((host, port), timeout=5) as connection,
            connection.makefile("rb") as lines,
        ):
            wire = Wire(connection, lines, f"{host}:{port}")
            wire.greet(options)
            yield wire
    except OSError as error:
        raise ServerFailed(f"No NATS server answers at {host}:{port}: {error}") from error

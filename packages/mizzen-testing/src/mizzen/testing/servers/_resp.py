"""Just enough of the Redis protocol to empty a database: no client library is needed."""

from __future__ import annotations

import socket
import ssl
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from .._errors import ServerFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Generator


@contextmanager
def connected(url: str) -> Generator[Callable[..., str]]:
    """Connect to `redis://` or `rediss://`; give a function that sends one command."""
    address = urlsplit(url)
    host, port = address.hostname or "127.0.0.1", address.port or 6379
    try:
        plain = socket.create_connection((host, port), timeout=5)
    except OSError as error:
        raise ServerFailed(f"No Valkey answers at {host}:{port}: {error}") from error
    secure = address.scheme == "rediss"
    with (
        (
            ssl.create_default_context().wrap_socket(plain, server_hostname=host)
            if secure
            else plain
        ) as connection,
        connection.makefile("rb") as replies,
    ):

        def command(*words: str) -> str:
            encoded = [word.encode() for word in words]
            parts = [b"*%d\r\n" % len(words)]
            parts += [b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded]
            connection.sendall(b"".join(parts))
            reply = replies.readline().strip()
            if reply[:1] not in (b"+", b":"):  # these two are all that our commands are answered by
                said = reply.decode(errors="replace") or "closed the connection"
                raise ServerFailed(f"Valkey at {host}:{port}, told {words[0]}: {said}")
            return reply[1:].decode()

        if address.password:
            names = [unquote(address.username)] if address.username else []
            command("AUTH", *names, unquote(address.password))
        yield command

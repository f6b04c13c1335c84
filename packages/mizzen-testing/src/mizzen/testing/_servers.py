"""The servers by name; each is imported when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .servers._server import Server


def postgres(url: str | None = None) -> Server:
    """Return a PostgreSQL server, not started yet: the one at `url`, or one of our own."""
    from .servers.postgres import Postgres

    return Postgres(url)


def valkey(url: str | None = None) -> Server:
    """Return a Valkey server, not started yet: the one at `url`, or one of our own."""
    from .servers.valkey import Valkey

    return Valkey(url)


def nats(url: str | None = None) -> Server:
    """Return a NATS server with JetStream, not started yet: the one at `url`, or one of our own."""
    from .servers.nats import Nats

    return Nats(url)


def mariadb(url: str | None = None) -> Server:
    """Return a MariaDB server, not started yet: the one at `url`, or one of our own."""
    from .servers.mariadb import MariaDB

    return MariaDB(url)

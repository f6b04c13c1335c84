"""Real PostgreSQL, Valkey, NATS and MariaDB servers for tests, and fault tools."""

from __future__ import annotations

from ._errors import ProcessEnded, ServerFailed, ServerUnavailable, TestingError, WaitTimeout
from ._process import Process
from ._proxy import Proxy
from ._servers import mariadb, nats, postgres, valkey
from .servers._server import Server

__all__ = [
    "Process",
    "ProcessEnded",
    "Proxy",
    "Server",
    "ServerFailed",
    "ServerUnavailable",
    "TestingError",
    "WaitTimeout",
    "mariadb",
    "nats",
    "postgres",
    "valkey",
]

for _name in __all__:
    globals()[_name].__module__ = __name__

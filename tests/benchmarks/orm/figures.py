"""What a row costs: ours beside SQLModel's async session, other ORMs, SQLAlchemy and the drivers.

One SQLite file or one PostgreSQL database for each peer, all with the same settings and the same
rows, on one event loop. Every write is committed by itself; every result is checked.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING

from contest import contest
from operations import OPERATIONS
from peers.advanced_alchemy import AdvancedAlchemy
from peers.core import Core
from peers.django import Django
from peers.mizzen import Mizzen, MizzenInline, has_inline_reads
from peers.peewee import Async, Plain, Threaded
from peers.piccolo import Piccolo
from peers.raw import Aiosqlite, Asyncpg, Psycopg, Sqlite3
from peers.sqlmodel import SQLModelAsync, SQLModelAsyncpg, SQLModelLean
from peers.tortoise import TortoiseORM
from table import Figure, picked

from mizzen.testing import postgres

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from contest import Times
    from operations import Operation
    from peers.peer import Peer

SQLITE, POSTGRESQL, INLINE = "SQLite", "PostgreSQL", "SQLite, inline reads"

# Against SQLModel's async session.
GOALS = {
    SQLITE: {
        "get by key": 10,
        "list 1,000": 2.5,
        "eager 100x10": 2.5,
        "insert": 8,
        "update": 8,
        "bulk insert 10k": 1.9,
    },
    POSTGRESQL: {
        "get by key": 4,
        "list 1,000": 2.5,
        "eager 100x10": 2.5,
        "insert": 4,
        "update": 4,
        "bulk insert 10k": 3.5,
        "copy 10k": None,  # SQLModel has none; the drivers show what validation costs
    },
    INLINE: {"get by key": 25},
}
# Never behind these. Blocking the event loop is no choice for an async program, and tuples are no
# objects: the other peers only show how far it is to the ground.
RIVALS = (TortoiseORM, Piccolo, Django, Async, Threaded, AdvancedAlchemy)
PEERS = {
    SQLITE: (SQLModelAsync, *RIVALS, SQLModelLean, Core, Aiosqlite, Plain),
    POSTGRESQL: (SQLModelAsync, *RIVALS, SQLModelLean, SQLModelAsyncpg, Core, Psycopg, Asyncpg),
    INLINE: (SQLModelAsync, Sqlite3, Plain),
}


def measure() -> list[Figure]:
    """Return microseconds per call. `--only sqlite,get,tortoise` leaves out all others."""
    logging.disable(logging.WARNING)
    chosen = picked([name for name in PEERS if name != INLINE or has_inline_reads()])
    figures: list[Figure] = []
    if SQLITE in chosen:
        with sqlite_files() as fresh:
            figures += one(SQLITE, Mizzen(), fresh)
    if INLINE in chosen:
        with sqlite_files() as fresh:
            figures += one(INLINE, MizzenInline(), fresh)
    if POSTGRESQL in chosen:
        with postgres() as server:
            figures += one(POSTGRESQL, Mizzen(), server.fresh)
    return figures


def one(database: str, ours: Peer, fresh: object) -> list[Figure]:
    """Return the figures of one database."""
    names = picked([operation.name for operation in OPERATIONS])
    kinds = picked(sorted({kind.name for kinds in PEERS.values() for kind in kinds}))
    operations = [
        each for each in OPERATIONS if each.name in names and each.name in GOALS[database]
    ]
    peers = [kind() for kind in PEERS[database] if kind.name in kinds]
    if not operations or not peers:
        return []
    times = asyncio.run(contest([ours, *peers], operations, fresh))
    return list(rows_of(database, ours, peers, operations, times))


def rows_of(
    database: str, ours: Peer, peers: Sequence[Peer], operations: Sequence[Operation], times: Times
) -> Generator[Figure]:
    for operation, peer in itertools.product(operations, peers):
        if operation.method not in peer.measured:
            continue
        goal = GOALS[database][operation.name] if type(peer) is SQLModelAsync else None
        yield Figure(
            f"{database} {operation.name}, µs",
            times[operation.name, ours.name],
            times[operation.name, peer.name],
            peer.name,
            goal=1.0 if isinstance(peer, RIVALS) else goal,
        )


@contextmanager
def sqlite_files() -> Generator[object]:
    """Give a function that gives a SQLite URL, of a file not there yet."""
    with tempfile.TemporaryDirectory() as folder:
        numbers = itertools.count()

        @contextmanager
        def fresh() -> Generator[str]:
            yield f"sqlite:///{folder}/{next(numbers)}.db"

        yield fresh

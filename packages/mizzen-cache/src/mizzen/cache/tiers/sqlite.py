"""The disk tier: one SQLite file in WAL mode, owned by one thread, shared safely by processes.

A read never writes. The file's size is bounded: expired entries go first, then the oldest.
"""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from .._errors import Corrupt, TierUnavailable
from .._units import size
from .._worker import Worker
from ..abc import DAMAGED, Change, Clock, Damaged, Entry, Outcome, Reading
from ._lane import Lane
from ._sqlite_file import evict, make_tables, pages_used, quarantine

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

T = TypeVar("T")

_CHUNK: Final = 500  # SQLite's oldest limit on variables in a statement is 999
_STORED: Final = "SELECT expires, data FROM entries WHERE key = ? AND expires > ?"


class SqliteTier:
    """Keeps entries in the file *path*, within *max_size* bytes (an int, or "256MB")."""

    def __init__(
        self, path: str | os.PathLike[str], max_size: int | str = "256MB", *, name: str = "sqlite"
    ) -> None:
        self.name: str = name
        self.patience: float = 5.0
        self._path, self._max = Path(path), size(max_size)
        if self._max < 64 << 10:
            raise ValueError(f"max_size is {self._max} bytes; a disk tier needs at least 64KB")
        self._clock: Clock = time
        self._worker: Worker | None = None
        self._db: sqlite3.Connection | None = None
        self._inode = 0
        self._lane = Lane(self._path, self.patience)
        self._gauges: dict[str, float] = {}

    async def start(self, clock: Clock) -> None:
        """Start the thread and open the file, making it and its folder if need be."""
        self._clock = clock
        if self._worker is None:
            self._worker = Worker(f"mizzen-cache {self._path.name}")
        await self._worker.run(lambda: self._guarded(self._measure))

    async def aclose(self) -> None:
        """Close the file and end the thread."""
        worker, self._worker = self._worker, None
        if worker is not None:
            await worker.stop(self._close, self.patience)

    async def read(self, keys: Sequence[str], marks: Sequence[str] = ()) -> Reading:
        """Return marks and entries."""
        now = int(self._clock.time() * 1000)
        return await self._run(lambda db: _read(db, keys, marks, now))

    async def apply(self, change: Change) -> Outcome:
        """Make one atomic change in one transaction."""
        now = int(self._clock.time() * 1000)
        packed = {key: (e.expires, e.pack(key)) for key, e in change.put.items()}
        return await self._run(lambda db: self._write(db, change, packed, now))

    def gauges(self) -> Mapping[str, float]:
        """Return the bytes in use, as of the last write."""
        return self._gauges

    async def _run(self, job: Callable[[sqlite3.Connection], T]) -> T:
        if self._worker is None:
            raise TierUnavailable(f"{self._path} is not open")
        return await self._worker.run(lambda: self._guarded(job))

    # Everything below runs in the worker's thread.

    def _guarded(self, job: Callable[[sqlite3.Connection], T]) -> T:
        try:
            try:
                return job(self._open())
            except sqlite3.DatabaseError as exc:
                if not _is_damage(exc):
                    raise
                self._close()
                quarantine(self._path, self._inode)
                return job(self._open())
        except (sqlite3.Error, OSError) as exc:
            raise TierUnavailable(f"cannot use {self._path}: {exc}") from exc

    def _open(self) -> sqlite3.Connection:
        if self._db is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            db = sqlite3.connect(
                self._path, isolation_level=None, timeout=self.patience, check_same_thread=False
            )
            try:
                with self._lane.hold():
                    make_tables(db)
            except BaseException:
                db.close()
                raise
            with suppress(OSError):
                os.chmod(self._path, 0o600)
            self._db, self._inode = db, self._path.stat().st_ino
        return self._db

    def _close(self) -> None:
        db, self._db = self._db, None
        if db is not None:
            db.close()
        self._lane.close()

    def _measure(self, db: sqlite3.Connection) -> None:
        self._gauges = {"bytes": float(pages_used(db))}

    def _write(
        self,
        db: sqlite3.Connection,
        change: Change,
        packed: Mapping[str, tuple[int, bytes]],
        now: int,
    ) -> Outcome:
        with self._lane.hold():
            db.execute("BEGIN IMMEDIATE")
            try:
                refusal = _refusal(db, change, now)
                outcome = refusal or self._make(db, change, packed, now)
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise
        return outcome

    def _make(
        self,
        db: sqlite3.Connection,
        change: Change,
        packed: Mapping[str, tuple[int, bytes]],
        now: int,
    ) -> Outcome:
        db.executemany("INSERT OR REPLACE INTO marks VALUES (?, ?)", change.mark.items())
        db.executemany("INSERT OR IGNORE INTO marks VALUES (?, ?)", change.make.items())
        dropped = sum(
            db.execute("DELETE FROM entries WHERE key = ? AND expires > ?", (key, now)).rowcount
            for key in change.drop
        )
        db.executemany(
            "UPDATE entries SET expires = ? WHERE key = ? AND expires > ?",
            [(expires, key, now) for key, expires in change.touch.items()],
        )
        fitting = {k: row for k, row in packed.items() if len(row[1]) <= self._max // 4}
        db.executemany("DELETE FROM entries WHERE key = ?", [(key,) for key in packed])
        db.executemany(
            "INSERT INTO entries (key, expires, data) VALUES (?, ?, ?)",
            [(key, *row) for key, row in fitting.items()],
        )
        evicted = evict(db, self._max, now) if packed or change.mark or change.make else 0
        self._measure(db)
        return Outcome(
            True,
            dropped,
            evicted,
            len(packed) - len(fitting),
            marks=_marks(db, [*change.expect, *change.make]),
        )


def _read(db: sqlite3.Connection, keys: Sequence[str], marks: Sequence[str], now: int) -> Reading:
    tokens = _marks(db, marks)
    found: list[Entry | Damaged | None] = []
    for key in keys:
        row = db.execute(_STORED, (key, now)).fetchone()
        found.append(row and _unpacked(key, *row))
    return Reading([tokens.get(name) for name in marks], found)


def _unpacked(key: str, expires: int, data: bytes) -> Entry | Damaged:
    try:
        return Entry.unpack(key, expires, data)
    except (Corrupt, TypeError):
        return DAMAGED


def _marks(db: sqlite3.Connection, names: Sequence[str]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for start in range(0, len(names), _CHUNK):
        some = names[start : start + _CHUNK]
        places = ",".join("?" * len(some))
        found.update(
            db.execute(f"SELECT name, token FROM marks WHERE name IN ({places})", some)  # noqa: S608
        )
    return found


def _refusal(db: sqlite3.Connection, change: Change, now: int) -> Outcome | None:
    """Return why the change may not happen, or None."""
    current = _marks(db, list(change.expect))
    if current == change.expect and all(
        _version(db, key, now) == version for key, version in change.replacing.items()
    ):
        return None
    return Outcome(False, marks={name: current.get(name, b"") for name in change.expect})


def _version(db: sqlite3.Connection, key: str, now: int) -> bytes | None:
    row = db.execute(_STORED, (key, now)).fetchone()
    return None if row is None else bytes(row[1][:8])


def _is_damage(exc: sqlite3.DatabaseError) -> bool:
    code = getattr(exc, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def from_url(path: str, options: dict[str, str]) -> SqliteTier:
    """Return the tier of `sqlite:///cache.db?max_size=256MB`."""
    if not path:
        raise ValueError(
            "a sqlite tier needs a file: sqlite:///cache.db or sqlite:////abs/cache.db"
        )
    return SqliteTier(path, options.pop("max_size", "256MB"))

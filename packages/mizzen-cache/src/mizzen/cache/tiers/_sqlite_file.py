"""The disk tier's file: its tables, its bound, and what happens when it is damaged."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

_MARKS: Final = 200_000  # marks kept; a forgotten one only makes what it stamped stale
_SOME: Final = 64  # entries evicted at once


def make_tables(db: sqlite3.Connection) -> None:
    """Create what is missing; safe while another process does the same."""
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = NORMAL")
    db.execute("PRAGMA foreign_keys = ON")
    db.execute("PRAGMA journal_size_limit = 8388608")
    db.execute("BEGIN IMMEDIATE")
    db.execute(
        "CREATE TABLE IF NOT EXISTS entries (age INTEGER PRIMARY KEY,"
        " key TEXT NOT NULL UNIQUE, expires INTEGER NOT NULL, data BLOB NOT NULL)"
    )
    db.execute("CREATE INDEX IF NOT EXISTS entries_expires ON entries (expires)")
    db.execute("CREATE TABLE IF NOT EXISTS marks (name TEXT PRIMARY KEY, token BLOB NOT NULL)")
    db.execute("COMMIT")


def pages_used(db: sqlite3.Connection) -> int:
    """Return the bytes in use; free pages inside the file do not count."""
    return _pragma(db, "page_size") * (_pragma(db, "page_count") - _pragma(db, "freelist_count"))


def evict(db: sqlite3.Connection, limit: int, now: int) -> int:
    """Delete expired entries, then the oldest, until *limit* is kept; return how many."""
    gone = 0
    while pages_used(db) > limit:
        expired = "SELECT age FROM entries WHERE expires <= ? LIMIT ?"
        some = db.execute(f"DELETE FROM entries WHERE age IN ({expired})", (now, _SOME))  # noqa: S608
        if some.rowcount == 0:
            oldest = "SELECT age FROM entries ORDER BY age LIMIT ?"
            some = db.execute(f"DELETE FROM entries WHERE age IN ({oldest})", (_SOME,))  # noqa: S608
        if some.rowcount == 0:
            break
        gone += some.rowcount
    _forget_old_marks(db)
    return gone


def _forget_old_marks(db: sqlite3.Connection) -> None:
    newest = db.execute("SELECT max(rowid) FROM marks").fetchone()[0] or 0
    db.execute("DELETE FROM marks WHERE rowid <= ? AND name <> '*'", (newest - _MARKS,))


def _pragma(db: sqlite3.Connection, name: str) -> int:
    return int(db.execute(f"PRAGMA {name}").fetchone()[0])


def quarantine(path: Path, inode: int) -> None:
    """Set a damaged file aside as `<name>.damaged`, unless another process already replaced it.

    Losing the marks with it is safe: entries elsewhere that carry lost stamps are stale.
    """
    with suppress(OSError):
        if inode and path.stat().st_ino != inode:
            return
    for end in ("", "-wal", "-shm"):
        with suppress(FileNotFoundError):
            os.replace(f"{path}{end}", f"{path}.damaged{end}")

"""The disk tier on diskcache, hardened: bytes only, no pickle, no file name but its own.

diskcache 5.6.3 unpickles what it finds in its database (CVE-2025-69872) and opens or removes any
path a row names. Whoever can write the folder could so run code or read files; here such rows are
damage.
"""

from __future__ import annotations

import os
import re
import sqlite3
import stat
import time
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from .._errors import Corrupt, TierUnavailable
from .._units import size
from .._worker import Worker
from ..abc import DAMAGED, NEVER, Change, Clock, Damaged, Entry, Outcome, Reading

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

T = TypeVar("T")

_diskcache: Any = import_module("diskcache")  # has no types; this module is where it is met

_FILE: Final = re.compile(r"[0-9a-f]{2}/[0-9a-f]{2}/[0-9a-f]{28}\.val")
_RAW, _BINARY = 1, 2  # diskcache's modes for a value in the row, and in a file


class _BytesDisk(_diskcache.Disk):  # type: ignore[misc]
    """Stores str keys and bytes values; whatever else a row claims to be is refused."""

    def put(self, key: Any) -> tuple[Any, bool]:
        """Return a key for the database."""
        if type(key) is not str:
            raise Corrupt(f"{key!r} is not a key of this cache")
        return key, True

    def get(self, key: Any, raw: Any) -> Any:
        """Return a key from the database."""
        if type(key) is not str or not raw:
            raise Corrupt("a row has a key that this cache did not write")
        return key

    def store(self, value: Any, read: Any, key: Any = None) -> Any:
        """Store bytes, in the row or in a file of their own."""
        if type(value) is not bytes or read:
            raise Corrupt("only bytes are stored")
        return _diskcache.Disk.store(self, value, False, key)

    def fetch(self, mode: Any, filename: Any, value: Any, read: Any) -> bytes:
        """Return the bytes of a row or of its file."""
        if mode == _RAW and filename is None and type(value) is bytes:
            return value
        if mode == _BINARY and not read:
            return self._read(self._own(filename))
        raise Corrupt("a row has a value that this cache did not write")

    def remove(self, file_path: Any) -> None:
        """Remove a file of ours; leave any other alone."""
        try:
            self._own(file_path)
        except Corrupt:
            return
        _diskcache.Disk.remove(self, file_path)

    def _own(self, filename: Any) -> Path:
        if type(filename) is not str or not _FILE.fullmatch(filename.replace(os.sep, "/")):
            raise Corrupt(f"a row names the file {filename!r}, which this cache did not write")
        return Path(self._directory, filename)

    def _read(self, path: Path) -> bytes:
        if path.parent.is_symlink() or path.parent.parent.is_symlink():
            raise Corrupt(f"{path} lies behind a link")
        with open(os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0)), "rb") as file:
            return file.read()


class DiskcacheTier:
    """Keeps entries in a folder of diskcache's, within *max_size* bytes (an int, or "1GB")."""

    def __init__(
        self,
        folder: str | os.PathLike[str],
        max_size: int | str = "256MB",
        *,
        name: str = "diskcache",
    ) -> None:
        self.name: str = name
        self.patience: float = 5.0
        self._folder, self._max = Path(folder), size(max_size)
        self._clock: Clock = time
        self._worker: Worker | None = None
        self._disk: Any = None
        self._gauges: dict[str, float] = {}

    async def start(self, clock: Clock) -> None:
        """Start the thread and open the folder, which nobody else may write to."""
        self._clock = clock
        if self._worker is None:
            self._worker = Worker(f"mizzen-cache {self._folder.name}")
        await self._run(self._open)

    async def aclose(self) -> None:
        """Close the folder and end the thread."""
        worker, self._worker = self._worker, None
        if worker is not None:
            await worker.stop(self._close, self.patience)

    async def read(self, keys: Sequence[str], marks: Sequence[str] = ()) -> Reading:
        """Return marks and entries."""
        now = int(self._clock.time() * 1000)
        return await self._run(lambda: self._read(keys, marks, now))

    async def apply(self, change: Change) -> Outcome:
        """Make one atomic change in one transaction."""
        now = int(self._clock.time() * 1000)
        return await self._run(lambda: self._change(change, now))

    def gauges(self) -> Mapping[str, float]:
        """Return the number of rows, as of the last write."""
        return self._gauges

    async def _run(self, job: Callable[[], T]) -> T:
        if self._worker is None:
            raise TierUnavailable(f"{self._folder} is not open")
        return await self._worker.run(lambda: self._guarded(job))

    # Everything below runs in the worker's thread.

    def _guarded(self, job: Callable[[], T]) -> T:
        try:
            if self._disk is None:
                self._open()
            return job()
        except (sqlite3.Error, OSError, _diskcache.Timeout) as exc:
            raise TierUnavailable(f"cannot use {self._folder}: {exc}") from exc

    def _open(self) -> None:
        if self._disk is not None:
            return
        _make_private(self._folder)
        self._disk = _diskcache.Cache(
            str(self._folder),
            timeout=self.patience,
            disk=_BytesDisk,
            size_limit=self._max,
            eviction_policy="least-recently-stored",
            cull_limit=0,  # it would evict marks too; see _evict
            statistics=0,
            tag_index=0,
        )

    def _close(self) -> None:
        disk, self._disk = self._disk, None
        if disk is not None:
            disk.close()

    def _read(self, keys: Sequence[str], marks: Sequence[str], now: int) -> Reading:
        return Reading([self._token(name) for name in marks], [self._entry(k, now) for k in keys])

    def _change(self, change: Change, now: int) -> Outcome:
        disk = self._disk
        with disk.transact():
            current = {name: self._token(name) or b"" for name in change.expect}
            if current != change.expect or any(
                self._version(key, now) != version for key, version in change.replacing.items()
            ):
                return Outcome(False, marks=current)
            for name, token in change.mark.items():
                disk.set("m:" + name, token)
            for name, token in change.make.items():
                known = self._token(name)
                if known is None:
                    disk.set("m:" + name, token)
                current[name] = known or token
            dropped = sum(self._entry(key, now) is not None for key in change.drop)
            for key in change.drop:
                disk.delete("e:" + key)
            for key, expires in change.touch.items():
                if isinstance(entry := self._entry(key, now), Entry):
                    self._put(key, Entry(entry.body, expires, entry.stamps, version=entry.version))
            fitting = {k: e for k, e in change.put.items() if len(e.body or b"") <= self._max // 4}
            for key in change.put.keys() - fitting.keys():
                disk.delete("e:" + key)
            for key, entry in fitting.items():
                self._put(key, entry)
            evicted = self._evict() if fitting else 0
        self._gauges = {"rows": float(len(disk))}
        return Outcome(True, dropped, evicted, len(change.put) - len(fitting), marks=current)

    def _put(self, key: str, entry: Entry) -> None:
        left = None
        if (
            entry.expires != NEVER
        ):  # for eviction only; whether it is alive is told by our own clock
            left = max(entry.expires / 1000 - self._clock.time(), 0.001)
        self._disk.set("e:" + key, b"%015d" % entry.expires + entry.pack(key), expire=left)

    def _evict(self) -> int:
        """Delete expired entries, then the oldest, until the bound is kept; return how many."""
        disk, gone = self._disk, 0
        if disk.volume() > self._max:
            gone += int(disk.expire())
        while disk.volume() > self._max:
            oldest = disk._sql(
                "SELECT key FROM Cache WHERE key >= 'e:' AND key < 'e;'"
                " ORDER BY store_time LIMIT 64"
            ).fetchall()
            for (key,) in oldest:
                disk.delete(key)
            gone += len(oldest)
            if not oldest:
                break
        return gone

    def _token(self, name: str) -> bytes | None:
        try:
            return cast("bytes | None", self._disk.get("m:" + name))
        except Corrupt:
            return None

    def _entry(self, key: str, now: int) -> Entry | Damaged | None:
        try:
            value = cast("bytes | None", self._disk.get("e:" + key))
            if value is None:
                return None
            expires = int(value[:15])
            return Entry.unpack(key, expires, value[15:]) if expires > now else None
        except (Corrupt, ValueError):
            return DAMAGED

    def _version(self, key: str, now: int) -> bytes | None:
        entry = self._entry(key, now)
        return entry.version if isinstance(entry, Entry) else None


def _make_private(folder: Path) -> None:
    """Make the folder, 0700; refuse one that belongs to somebody else, or to something else."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not hasattr(os, "geteuid"):
        return
    about = folder.stat()
    if about.st_uid != os.geteuid():
        raise TierUnavailable(f"{folder} belongs to another user; choose a folder of your own")
    if stat.S_IMODE(about.st_mode) & 0o077:
        if any(folder.iterdir()) and not (folder / "cache.db").exists():
            raise TierUnavailable(
                f"{folder} holds other files; choose a folder for the cache alone"
            )
        folder.chmod(0o700)


def from_url(path: str, options: dict[str, str]) -> DiskcacheTier:
    """Return the tier of `diskcache:///folder?max_size=1GB`."""
    if not path:
        raise ValueError("a diskcache tier needs a folder: diskcache:///folder")
    return DiskcacheTier(path, options.pop("max_size", "256MB"))

"""Who this process is, and whether another one on this machine still lives."""

from __future__ import annotations

import functools
import os
import secrets
import socket
import sys
from pathlib import Path

from .abc import WorkerInfo


def introduce() -> WorkerInfo:
    """A new worker of this process."""
    return WorkerInfo(secrets.randbits(62), host(), os.getpid(), _my_birth())


def is_alive(worker: WorkerInfo) -> bool:
    """False only when *worker* certainly died: same machine, and its process is gone.

    The start time guards against a process number that was given out again. Elsewhere, and for
    workers of other machines, the lease decides.
    """
    if worker.host != host() or sys.platform == "win32":
        return True
    if worker.pid == os.getpid():
        return worker.born == _my_birth()
    if worker.born:
        return _born(worker.pid) == worker.born
    try:
        os.kill(worker.pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


@functools.cache
def host() -> str:
    """This machine since its boot, as seen from inside this container."""
    return ":".join(
        [
            socket.gethostname(),
            _read("/proc/sys/kernel/random/boot_id").strip(),
            _link("/proc/self/ns/pid"),
        ]
    )


@functools.cache
def _birth(pid: int) -> str:
    return _born(pid)


def _my_birth() -> str:
    return _birth(os.getpid())  # by number, as a fork keeps the cache


def _born(pid: int) -> str:
    # Field 22 of /proc/<pid>/stat; the command in field 2 may itself hold spaces and brackets.
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    if len(fields) < 20 or fields[0] in "ZX":  # a zombie holds its number but runs nothing
        return ""
    return fields[19]


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""

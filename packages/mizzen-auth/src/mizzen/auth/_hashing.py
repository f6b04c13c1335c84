"""Argon2id, in threads of its own, so that a login never stops the event loop."""

from __future__ import annotations

import base64
import os
import secrets
from typing import TYPE_CHECKING, Any, TypeVar

import anyio
import anyio.to_thread

if TYPE_CHECKING:
    from collections.abc import Callable

    from .abc import Hasher

T = TypeVar("T")


class Argon2:
    """Argon2id with OWASP's parameters (t=2, 19 MiB, p=1), salted with 16 random bytes."""

    def __init__(
        self, *, time_cost: int = 2, memory_kib: int = 19 * 1024, parallelism: int = 1
    ) -> None:
        self._cost = (time_cost, memory_kib, parallelism)
        self._argon2: Any = None

    def __repr__(self) -> str:
        time_cost, memory_kib, parallelism = self._cost
        return f"<mizzen.auth.Argon2 t={time_cost} m={memory_kib} p={parallelism}>"

    def hash(self, password: str) -> str:
        """Return an encoded hash; takes tens of milliseconds and releases the GIL."""
        return str(self._library().hash(password))

    def verify(self, encoded: str, password: str) -> bool:
        """Tell whether the password made this hash; an unreadable hash matches nothing."""
        from argon2.exceptions import InvalidHashError, VerificationError

        try:
            return bool(self._library().verify(encoded, password))
        except (VerificationError, InvalidHashError):
            return False

    def outdated(self, encoded: str) -> bool:
        """Tell whether the hash was made with other parameters than today's."""
        return bool(self._library().check_needs_rehash(encoded))

    def decoy(self) -> str:
        """Return a hash that no password matches, and that costs as much to check as a real one."""
        time_cost, memory_kib, parallelism = self._cost
        salt, digest = (
            base64.b64encode(secrets.token_bytes(size)).decode().rstrip("=") for size in (16, 32)
        )
        return f"$argon2id$v=19$m={memory_kib},t={time_cost},p={parallelism}${salt}${digest}"

    def _library(self) -> Any:
        if self._argon2 is None:
            from argon2 import PasswordHasher

            time_cost, memory_kib, parallelism = self._cost
            self._argon2 = PasswordHasher(time_cost, memory_kib, parallelism)
        return self._argon2


class HashingRoom:
    """Runs a hasher in a bounded number of threads: memory and cores stay bounded too.

    The default thread pool is left to the app: forty logins at once would fill it.
    """

    def __init__(self, hasher: Hasher, places: int | None = None) -> None:
        self.hasher = hasher
        self.hashed = 0
        self._limiter = anyio.CapacityLimiter(places or os.cpu_count() or 1)
        self._decoy = hasher.decoy()

    @property
    def waiting(self) -> int:
        """How many wait for a free thread."""
        return self._limiter.statistics().tasks_waiting

    async def hash(self, password: str) -> str:
        """Return the encoded hash of a password."""
        return await self._run(self.hasher.hash, password)

    async def verify(self, encoded: str | None, password: str) -> bool:
        """Tell whether the password matches; with no hash to check, work as long and say no."""
        matches = await self._run(self.hasher.verify, encoded or self._decoy, password)
        return matches and encoded is not None

    async def _run(self, work: Callable[..., T], *arguments: str) -> T:
        self.hashed += 1
        return await anyio.to_thread.run_sync(work, *arguments, limiter=self._limiter)

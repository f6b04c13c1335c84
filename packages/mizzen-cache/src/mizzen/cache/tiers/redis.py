"""The shared tier on Redis or Valkey, through redis-py; RESP2 and RESP3.

Keys are `<namespace>:e:<key>` for entries and `<namespace>:m:<mark>` for marks. Entries carry their
own TTL on the server; marks live 30 days after their last use, and the server may evict both: an
entry without its marks is outdated, never wrong.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from .._errors import Corrupt, TierUnavailable
from .._units import Duration, seconds
from ..abc import DAMAGED, NEVER, Change, Clock, Damaged, Entry, Outcome, Reading
from ._redis_script import LUA

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping, Sequence

_KEEP: Final = 30 * 24 * 3600 * 1000
"""Milliseconds that a mark outlives its last use."""

_CONNECTIONS: Final = 32


class RedisTier:
    """Keeps entries on the server at *url*, each call bounded by *timeout*."""

    def __init__(
        self,
        url: str,
        *,
        namespace: str = "mizzen",
        timeout: Duration = 0.5,
        name: str = "redis",
    ) -> None:
        self.name: str = name
        self.patience: float = seconds(timeout)
        self._url, self._namespace = url, namespace
        self._clock: Clock = time
        self._client: Any = None
        self._script: Any = None

    async def start(self, clock: Clock) -> None:
        """Connect."""
        self._clock = clock
        if self._client is None:
            connections: Any = redis.asyncio.BlockingConnectionPool
            pool = connections.from_url(
                self._url,
                max_connections=_CONNECTIONS,
                timeout=self.patience,
                socket_timeout=self.patience,
                socket_connect_timeout=self.patience,
                retry=Retry(NoBackoff(), 0),
                decode_responses=False,
            )
            self._client = redis.asyncio.Redis.from_pool(pool)
            self._script = self._client.register_script(LUA)
        await self._ask(self._client.ping())

    async def aclose(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def read(self, keys: Sequence[str], marks: Sequence[str] = ()) -> Reading:
        """Return marks and entries, all in one command."""
        names = [*map(self._mark, marks), *map(self._entry, keys)]
        if not names:
            return Reading([], [])
        values: list[bytes | None] = await self._ask(self._open().mget(names))
        tokens, found = values[: len(marks)], values[len(marks) :]
        now = self._clock.time() * 1000
        return Reading(
            tokens, [_unpacked(key, value, now) for key, value in zip(keys, found, strict=True)]
        )

    async def apply(self, change: Change) -> Outcome:
        """Make one atomic change by one script."""
        client, now = self._open(), int(self._clock.time() * 1000)
        marks, entries = self._mark, self._entry
        keys = [
            *map(marks, change.expect),
            *map(entries, change.replacing),
            *map(marks, change.mark),
            *map(marks, change.make),
            *map(entries, change.drop),
            *map(entries, change.touch),
            *map(entries, change.put),
        ]
        args: list[bytes | int | str] = [
            len(change.expect),
            len(change.replacing),
            len(change.mark),
            len(change.make),
            len(change.drop),
            len(change.touch),
            len(change.put),
            now,
            _KEEP,
            *change.expect.values(),
            *(version or b"" for version in change.replacing.values()),
            *change.mark.values(),
            *change.make.values(),
        ]
        for expires in change.touch.values():
            args += [f"{expires:015d}", _left(expires, now)]
        for key, entry in change.put.items():
            args += [b"%015d" % entry.expires + entry.pack(key), _left(entry.expires, now)]
        done, dropped, tokens = await self._ask(self._script(keys=keys, args=args, client=client))
        asked = [*change.expect, *change.make]
        known = dict(zip(asked, cast("list[bytes]", tokens), strict=False))
        return Outcome(bool(done), int(dropped), marks=known)

    def gauges(self) -> Mapping[str, float]:
        """Return nothing: the server's sizes are not known without asking."""
        return {}

    def _open(self) -> Any:
        if self._client is None:
            raise TierUnavailable("not connected")
        return self._client

    def _mark(self, name: str) -> str:
        return f"{self._namespace}:m:{name}"

    def _entry(self, key: str) -> str:
        return f"{self._namespace}:e:{key}"

    async def _ask(self, answer: Awaitable[Any]) -> Any:
        try:
            return await answer
        except (RedisError, OSError, TimeoutError) as exc:
            place = urlsplit(self._url)
            raise TierUnavailable(
                f"{place.hostname or 'localhost'}:{place.port or 6379} "
                f"did not answer as it should: {type(exc).__name__}: {exc}"
            ) from exc


def _unpacked(key: str, value: bytes | None, now: float) -> Entry | Damaged | None:
    if value is None:
        return None
    try:
        expires = int(value[:15])
        return Entry.unpack(key, expires, value[15:]) if expires > now else None
    except (Corrupt, ValueError):
        return DAMAGED


def _left(expires: int, now: int) -> int:
    """Return how long the server keeps it, in milliseconds; 0 is forever."""
    return 0 if expires == NEVER else min(max(expires - now, 1), 10 * 365 * 24 * 3600 * 1000)


def from_url(url: str, options: dict[str, str]) -> RedisTier:
    """Return the tier of `redis://host:6379/0?namespace=app&timeout=500ms`.

    What else the query holds is redis-py's: `protocol=2`, `ssl_cert_reqs=none`, …
    """
    namespace, timeout = options.pop("namespace", "mizzen"), options.pop("timeout", "500ms")
    options.clear()
    parts = urlsplit(url)
    left = [(n, v) for n, v in parse_qsl(parts.query) if n not in ("namespace", "timeout")]
    scheme = parts.scheme.replace("valkey", "redis")
    ours = urlunsplit((scheme, parts.netloc, parts.path, urlencode(left), ""))
    return RedisTier(ours, namespace=namespace, timeout=timeout)

"""The Redis and Valkey broker (`pip install "mizzen-cable[redis]"`): nodes on many machines."""

# mypy: disable-error-code="no-untyped-call"
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import msgspec
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from .._errors import NotStarted, Unavailable
from .._owner import Owner
from .._units import seconds
from ..abc import Member
from . import _redis_scripts as scripts
from ._redis_subscription import AWAY, Subscription

if TYPE_CHECKING:
    from ..abc import Receiver

logger: logging.Logger = logging.getLogger("mizzen.cable")

PATIENCE = 3.0  # seconds for one command
BATCH = 200  # entries of a dead node taken away by one script, so that none blocks the server long


class RedisBroker:
    """Pub/sub for messages, scripts for presence.

    Options in the URL: `prefix` of keys and channels; `node_timeout`, after which the members of a
    node that stopped are taken away (by the others, at the latest a third of it later). One server,
    or a primary with replicas; not Redis Cluster.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url.replace("valkey://", "redis://", 1))
        options = dict(parse_qsl(parts.query))
        # Channels know no databases, so the number goes into the prefix to keep them apart.
        database = options.get("db", parts.path.strip("/") or "0")
        self._prefix = f"{options.pop('prefix', 'mizzen:cable:')}{database}:"
        self._lease = seconds(options.pop("node_timeout", "15s"))
        self._url = urlunsplit(parts._replace(query=urlencode(options)))
        self._node = ""
        self._own: dict[tuple[str, str], Member] = {}
        self._dirty = False
        self._trouble: str | None = None
        self._owner: Owner | None = None

    async def start(self, receiver: Receiver) -> None:
        """Connect, and deliver to *receiver* from now on; raises `Unavailable`."""
        self._node, self._receiver = secrets.token_hex(8), receiver
        self._own.clear()
        self._settled, self._returning = asyncio.Event(), False
        self._knowing = asyncio.Lock()
        pool = BlockingConnectionPool.from_url(
            self._url,
            protocol=2,
            max_connections=16,
            timeout=PATIENCE,
            socket_timeout=PATIENCE,
            socket_connect_timeout=PATIENCE,
            retry=Retry(NoBackoff(), 0),  # a publish that may have happened isn't repeated
        )
        self._pool, self._client = pool, Redis(connection_pool=pool)
        self._subscription = Subscription(pool.make_connection, self._heard, self._came_up)
        try:
            await self._command(self._client.ping())
        except Unavailable:
            await pool.disconnect()
            raise
        self._owner = Owner()
        await self._owner.open()
        self._owner.keep_running(self._subscription.run)
        self._owner.keep_running(self._stay_known)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._settled.wait(), PATIENCE)

    async def aclose(self) -> None:
        """Take this node's members out of every subject and disconnect; bounded in time."""
        if self._owner is None:
            return
        owner, self._owner = self._owner, None
        await owner.close(1)
        try:
            async with asyncio.timeout(PATIENCE):
                await self._run(scripts.RESIGN, self._node)
                await self._sweep()
        except (Unavailable, TimeoutError):
            logger.warning("the broker is away: this node's members vanish with its lease")
        finally:
            await self._client.aclose()
            await self._pool.disconnect()
        owner.check()

    async def publish(self, subject: str, data: bytes) -> None:
        """Hand the message over for delivery; raises `Unavailable` if that fails."""
        self._running()
        await self._command(self._client.publish(self._prefix + subject, data))

    async def subscribe(self, subject: str) -> None:
        """Want a subject from now on, and return once it is live."""
        self._running()
        await self._subscription.add(self._prefix + subject)

    async def unsubscribe(self, subject: str) -> None:
        """Stop wanting a subject."""
        if self._owner is not None:
            self._subscription.discard(self._prefix + subject)

    async def enter(self, subject: str, member: Member, device: str) -> None:
        """Make a member present on one more device."""
        self._running()
        await self._ready()
        self._own[subject, device] = member
        try:
            await self._enter(subject, member, device)
        except Unavailable:
            del self._own[subject, device]
            self._dirty = True  # it may have been entered all the same
            raise

    async def leave(self, subject: str, member: Member, device: str) -> None:
        """Take one device of a member away; if that cannot be now, then once the broker is back."""
        if self._own.pop((subject, device), None) is None or self._owner is None:
            return
        try:
            await self._ready()
            await self._run(scripts.LEAVE, self._node, entry(subject, member.id, device))
        except Unavailable:
            self._dirty = True

    async def members(self, subject: str) -> list[Member]:
        """Return who is present, over all nodes."""
        self._running()
        key = f"{self._prefix}present:{subject}"
        found: dict[bytes, bytes] = await self._command(self._client.hgetall(key))
        return [parse_member(*value.split(b" ", 1)) for value in found.values()]

    async def health(self) -> str:
        """Return "ok", or what is wrong in words."""
        if self._owner is None:
            return "not started"
        if trouble := self._subscription.trouble or self._trouble:
            return trouble
        try:
            await asyncio.wait_for(self._command(self._client.ping()), 1)
        except (Unavailable, TimeoutError) as exc:
            return f"does not answer: {exc}"
        return "ok"

    def _heard(self, channel: str, data: bytes) -> None:
        subject = channel.removeprefix(self._prefix)
        if data.startswith(b"P"):
            count, device, member = data[1:].split(b" ", 2)
            self._receiver.on_presence(subject, parse_member(count, member), device.decode())
        else:
            self._receiver.on_message(subject, data)

    async def _came_up(self) -> None:
        await self._pool.disconnect(inuse_connections=False)
        await self._make_known(force=True)
        if self._returning:
            await self._receiver.on_return()
        self._returning = True

    async def _stay_known(self) -> None:
        """Renew the lease in time, and bury the nodes that didn't."""
        while True:
            await asyncio.sleep(self._lease / 3)
            try:
                await self._make_known()
                await self._sweep()
                self._trouble = None
            except Unavailable as exc:
                self._trouble = str(exc)

    async def _make_known(self, *, force: bool = False) -> None:
        async with self._knowing:
            self._dirty |= force
            if not await self._run(scripts.RENEW, self._node, str(self._lease)):
                self._dirty = True
            if self._dirty:
                self._settled.clear()
                await self._settle()
            self._settled.set()

    async def _settle(self) -> None:
        """Make the broker's entries for this node those that it has."""
        mine = {entry(s, member.id, d): (s, member, d) for (s, d), member in self._own.items()}
        raw: set[bytes] = await self._command(
            self._client.smembers(f"{self._prefix}node:{self._node}")
        )
        there = {value.decode() for value in raw}
        for stale in there - mine.keys():
            await self._run(scripts.LEAVE, self._node, stale)
        for missing in mine.keys() - there:
            await self._enter(*mine[missing])
        self._dirty = False

    async def _sweep(self) -> None:
        while await self._run(scripts.SWEEP, str(BATCH)):
            pass

    async def _enter(self, subject: str, member: Member, device: str) -> None:
        shown = msgspec.json.encode({"id": member.id, "name": member.name}).decode()
        who = entry(subject, member.id, device)
        await self._run(scripts.ENTER, self._node, who, subject, member.id, device, shown)

    async def _ready(self) -> None:
        """Wait while this node's entries are being put right; they mustn't change meanwhile."""
        try:
            await asyncio.wait_for(self._settled.wait(), PATIENCE)
        except TimeoutError as exc:
            raise Unavailable("the broker isn't back yet") from exc

    async def _run(self, script: str, *arguments: str) -> Any:
        return await self._command(
            self._client.register_script(script)(args=[self._prefix, *arguments])
        )

    async def _command(self, command: Any) -> Any:
        try:
            return await command
        except AWAY as exc:
            raise Unavailable(f"the broker could not be reached: {exc!r}") from exc

    def _running(self) -> None:
        if self._owner is None:
            raise NotStarted("the Redis broker isn't running: start its cable first")


def entry(subject: str, member: str, device: str) -> str:
    """Return how an entry is written in a node's set."""
    return msgspec.json.encode([subject, member, device]).decode()


def parse_member(count: bytes, shown: bytes) -> Member:
    """Return the member that the scripts keep as JSON, with its number of devices."""
    fields = msgspec.json.decode(shown)
    return Member(fields["id"], fields["name"], int(count))

"""What one process knows: its connections, the rooms they are in, and what the broker tells it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any

from . import _wire as wire
from ._connection import Connection, bid_farewell
from ._errors import Refused, Unavailable
from ._link import TOO_SLOW
from ._room import Room
from ._topics import MAX_TOPIC

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Coroutine

    from ._channel import Channel
    from ._limits import Limits
    from ._link import Link
    from .abc import Broker, Identity, Member, Scope

    Route = Callable[[str], tuple[type[Channel], dict[str, str]] | None]
    Spawn = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]
    Introduce = Callable[[Scope], Coroutine[Any, Any, Identity | None]]

logger = logging.getLogger("mizzen.cable")


def topic_subject(topic: str) -> str:
    """Return the subject under which nodes share a topic."""
    return "t:" + topic


def user_subject(user: str) -> str:
    """Return the subject under which nodes reach a user's connections."""
    return "u:" + user


class Node:
    """The connections of this process by id, by user and by topic; the broker's receiver."""

    def __init__(
        self,
        broker: Broker,
        *,
        route: Route,
        introduce: Introduce,
        spawn: Spawn,
        limits: Limits,
        counts: Counter[str],
    ) -> None:
        self.connections: dict[str, Connection] = {}
        self.rooms: dict[str, Room] = {}
        self.users: dict[str, dict[str, Connection]] = {}
        self.spawn = spawn
        self._broker, self._route, self._introduce = broker, route, introduce
        self._limits, self._counts = limits, counts

    async def admit(self, link: Link, auth: object) -> Connection:
        """Find out who is behind a link and take them in."""
        link.scope["cable.auth"] = auth
        try:
            identity = await self._introduce(link.scope)
        except Refused:
            raise
        except Exception as exc:
            logger.exception("identify failed")
            raise Refused("failed", "the server could not tell who you are") from exc
        connection = Connection(link, identity, self, self._limits)
        self.connections[connection.id] = connection
        self._counts["connections_total"] += 1
        try:
            await self._listen(connection)
        except BaseException:
            del self.connections[connection.id]
            self.spawn(lambda: self._unlisten(connection))
            raise
        return connection

    def depart(self, peer: Connection, reason: str) -> None:
        """Forget a connection at once; tell its topics, and run `on_leave`, in the background."""
        del self.connections[peer.id]
        channels = list(peer.channels.values())
        peer.channels.clear()
        for channel in channels:
            self.rooms[topic_subject(channel.topic)].connections.pop(peer.id, None)
        if reason == TOO_SLOW:
            self._counts["slow_clients_total"] += 1

        async def depart() -> None:
            await self._unlisten(peer)
            for channel in channels:
                await self._vacate(channel)

        self.spawn(depart)
        peer.dismiss(channels)

    async def _listen(self, connection: Connection) -> None:
        if connection.identity is None:
            return
        subject = user_subject(connection.member.id)
        audience = self.users.setdefault(subject, {})
        audience[connection.id] = connection
        if len(audience) == 1:
            with contextlib.suppress(Unavailable):  # it remembers, and subscribes once it is back
                await self._broker.subscribe(subject)

    async def _unlisten(self, connection: Connection) -> None:
        if connection.identity is None:
            return
        subject = user_subject(connection.member.id)
        audience = self.users.get(subject, {})
        audience.pop(connection.id, None)
        if not audience and self.users.pop(subject, None) is not None:
            await self._broker.unsubscribe(subject)

    async def join(self, connection: Connection, topic: object) -> list[Member]:
        """Let a connection into a topic, and return the members it finds there."""
        channel = self._channel(connection, topic)
        room = self.rooms.get(topic_subject(channel.topic))
        if channel.topic in connection.channels and room is not None:
            return room.present(connection.member)
        if len(connection.channels) >= self._limits.topics:
            raise Refused("too_many_topics", f"at most {self._limits.topics} topics at once")
        if await channel.authorize() is not True:
            raise Refused("forbidden", "you may not join this topic")
        room = await self._occupy(channel)
        try:
            await channel.on_join()
        except BaseException:
            await self._vacate(channel)
            raise
        if connection.closed:
            await self._vacate(channel)
            await bid_farewell(channel)
            raise Refused("closed", "the connection has ended")
        # From here on the client is told what happens; its answer is the very next frame.
        room.connections[connection.id] = connection
        connection.channels[channel.topic] = channel
        self._counts["joins_total"] += 1
        return room.present(connection.member) if channel.presence else []

    async def leave(self, connection: Connection, topic: object) -> None:
        """Take a connection out of a topic."""
        channel = connection.channels.pop(topic, None) if isinstance(topic, str) else None
        if channel is None:
            raise Refused("not_joined", "you are not in this topic")
        self.rooms[topic_subject(channel.topic)].connections.pop(connection.id, None)
        await self._vacate(channel)
        await bid_farewell(channel)

    def _channel(self, connection: Connection, topic: object) -> Channel:
        found = self._route(topic) if isinstance(topic, str) and len(topic) <= MAX_TOPIC else None
        if found is None or not isinstance(topic, str):
            raise Refused("unknown_topic", "there is no such topic")
        kind, params = found
        channel = kind()
        channel.topic, channel.params, channel.connection = topic, params, connection
        return channel

    async def _occupy(self, channel: Channel) -> Room:
        """Count one more in a room; the first one subscribes, and then reads who is there."""
        subject = topic_subject(channel.topic)
        room = self.rooms.setdefault(subject, Room(channel.topic, subject))
        room.interest += 1
        try:
            async with room.lock:
                if not room.live:
                    await self._broker.subscribe(subject)
                    await self._refresh(room)
                    room.live = True
            if channel.presence:
                connection = channel.connection
                await self._broker.enter(subject, connection.member, connection.id)
        except BaseException:
            await self._vacate(channel)
            raise
        return room

    async def _vacate(self, channel: Channel) -> None:
        """Count one less in a room, and close it behind the last."""
        connection = channel.connection
        room = self.rooms[topic_subject(channel.topic)]
        try:
            if channel.presence:
                await self._broker.leave(room.subject, connection.member, connection.id)
        finally:
            room.interest -= 1
            if room.interest == 0:
                del self.rooms[room.subject]
                await self._broker.unsubscribe(room.subject)

    async def _refresh(self, room: Room) -> None:
        room.hold()
        snapshot: list[Member] | None = None
        try:
            snapshot = await self._broker.members(room.subject)
        finally:
            room.settle(snapshot)

    async def publish(self, topic: str, event: str, payload: object, skip: str = "") -> None:
        """Send an event to everyone in a topic, on every node."""
        frame = wire.event_frame(event, payload, topic)
        await self._broker.publish(topic_subject(topic), wire.message(frame, skip))
        self._counts["published_total"] += 1

    def on_message(self, subject: str, data: bytes) -> None:
        """Deliver what the broker brings to those it is for; never waits."""
        self._counts["received_total"] += 1
        users = self.users.get(subject, {})
        if data == wire.GOODBYE:
            for connection in users.values():
                connection.close("signed out")
            return
        skip, frame = wire.parse_message(data)
        for connection in users.values():
            connection.write(frame)
        if room := self.rooms.get(subject):
            self._counts["deliveries_total"] += room.send(frame, skip)

    def on_presence(self, subject: str, member: Member, device: str) -> None:
        """Pass on who came and went."""
        if room := self.rooms.get(subject):
            room.note(member, device)

    async def on_return(self) -> None:
        """Read every room's members again after the broker was away."""
        for room in [room for room in self.rooms.values() if room.live]:
            async with room.lock:
                await self._refresh(room)

    def refused(self) -> None:
        """Count a request that was answered with an error."""
        self._counts["refused_total"] += 1

    async def empty(self, code: int, reason: str, patience: float) -> None:
        """End every connection, and wait at most *patience* seconds until they are gone."""
        for connection in list(self.connections.values()):
            connection.close(reason, code)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                while self.connections:  # noqa: ASYNC110  (only at the end of a node's life)
                    await asyncio.sleep(0.01)

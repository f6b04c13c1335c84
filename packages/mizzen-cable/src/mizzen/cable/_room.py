"""A topic on this node: who of it is connected here, and who is present anywhere."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from . import _wire as wire

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ._connection import Connection
    from .abc import Member


class Room:
    """The local audience of one topic, and a replica of its members that the broker keeps fresh."""

    def __init__(self, topic: str, subject: str) -> None:
        self.topic, self.subject = topic, subject
        self.connections: dict[str, Connection] = {}
        self.members: dict[str, Member] = {}
        self.interest = 0  # connections here, and those about to be
        self.live = False
        self.lock = asyncio.Lock()
        self._held: list[tuple[Member, str]] | None = None

    def send(self, frame: str, skip: str = "") -> int:
        """Write a frame to everyone here but the connection *skip*; return to how many."""
        others = [each for key, each in self.connections.items() if key != skip]
        for connection in others:
            connection.write(frame)
        return len(others)

    def hold(self) -> None:
        """Keep presence changes back: a snapshot is being read that may be older than they are."""
        self._held = []

    def settle(self, snapshot: Iterable[Member] | None) -> None:
        """Take a snapshot over (None: keep what there is) and then the changes held back."""
        held, self._held = self._held or [], None
        if snapshot is not None:
            fresh = {member.id: member for member in snapshot}
            gone = [member for key, member in self.members.items() if key not in fresh]
            come = [member for key, member in fresh.items() if key not in self.members]
            self.members = fresh
            self._announce(come, gone)
        for member, device in held:
            self.note(member, device)

    def note(self, member: Member, device: str) -> None:
        """Learn how many devices a member has now; joins and leaves of people are announced."""
        if self._held is not None:
            self._held.append((member, device))
            return
        known = member.id in self.members
        if member.devices <= 0:
            if self.members.pop(member.id, None):
                self._announce([], [member], skip=device)
            return
        self.members[member.id] = member
        if not known:
            self._announce([member], [], skip=device)

    def present(self, member: Member) -> list[Member]:
        """Return the members for one who has just entered, even if word of it isn't back yet."""
        return list(
            (
                self.members if member.id in self.members else {**self.members, member.id: member}
            ).values()
        )

    def _announce(self, joined: list[Member], left: list[Member], skip: str = "") -> None:
        if self.connections and (joined or left):
            change = {"joined": joined, "left": left, "members": len(self.members)}
            self.send(wire.event_frame("presence", change, self.topic).decode(), skip)

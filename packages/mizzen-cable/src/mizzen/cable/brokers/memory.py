"""The broker of a single process; cables with the same name (`memory:name`) share one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._errors import NotStarted
from ..abc import Member

if TYPE_CHECKING:
    from ..abc import Receiver


class Hub:
    """What the brokers of one name share: subscriptions, and who is present."""

    def __init__(self) -> None:
        self.subscribers: dict[str, dict[MemoryBroker, None]] = {}
        self.present: dict[str, dict[str, dict[str, Member]]] = {}  # subject: member id: device

    def publish(self, subject: str, data: bytes) -> None:
        """Deliver to every subscriber, now."""
        for broker in list(self.subscribers.get(subject, ())):
            broker.receiver.on_message(subject, data)

    def tell(self, subject: str, member: Member, device: str) -> None:
        """Tell every subscriber who came or went."""
        for broker in list(self.subscribers.get(subject, ())):
            broker.receiver.on_presence(subject, member, device)


HUBS: dict[str, Hub] = {}


class MemoryBroker:
    """Delivers within this process, at once."""

    def __init__(self, url: str = "memory:") -> None:
        name = url.partition(":")[2].lstrip("/")
        self._hub = HUBS.setdefault(name, Hub()) if name else Hub()
        self._receiver: Receiver | None = None
        self._own: dict[tuple[str, str], Member] = {}

    @property
    def receiver(self) -> Receiver:
        """Return the node that is served."""
        return self._running()

    async def start(self, receiver: Receiver) -> None:
        """Deliver to *receiver* from now on."""
        self._receiver = receiver

    async def aclose(self) -> None:
        """Take this node's members and subscriptions away."""
        for (subject, device), member in list(self._own.items()):
            await self.leave(subject, member, device)
        for subject in [s for s, brokers in self._hub.subscribers.items() if self in brokers]:
            await self.unsubscribe(subject)
        self._receiver = None

    async def publish(self, subject: str, data: bytes) -> None:
        """Deliver to every subscriber before returning."""
        self._running()
        self._hub.publish(subject, data)

    async def subscribe(self, subject: str) -> None:
        """Want a subject from now on."""
        self._running()
        self._hub.subscribers.setdefault(subject, {})[self] = None

    async def unsubscribe(self, subject: str) -> None:
        """Stop wanting a subject."""
        brokers = self._hub.subscribers.get(subject, {})
        brokers.pop(self, None)
        if not brokers:
            self._hub.subscribers.pop(subject, None)

    async def enter(self, subject: str, member: Member, device: str) -> None:
        """Make a member present on one more device."""
        devices = self._hub.present.setdefault(subject, {}).setdefault(member.id, {})
        if device not in devices:
            devices[device] = self._own[subject, device] = member
            self._hub.tell(subject, Member(member.id, member.name, len(devices)), device)

    async def leave(self, subject: str, member: Member, device: str) -> None:
        """Take one device of a member away."""
        self._own.pop((subject, device), None)
        members = self._hub.present.get(subject, {})
        devices = members.get(member.id, {})
        if devices.pop(device, None) is None:
            return
        if not devices:
            members.pop(member.id)
        if not members:
            self._hub.present.pop(subject)
        self._hub.tell(subject, Member(member.id, member.name, len(devices)), device)

    async def members(self, subject: str) -> list[Member]:
        """Return who is present."""
        return [
            Member(key, next(reversed(devices.values())).name, len(devices))
            for key, devices in self._hub.present.get(subject, {}).items()
        ]

    async def health(self) -> str:
        """Return "ok": there is nothing that could be away."""
        return "ok"

    def _running(self) -> Receiver:
        if self._receiver is None:
            raise NotStarted("the memory broker isn't running: start its cable first")
        return self._receiver

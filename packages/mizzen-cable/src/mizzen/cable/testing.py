"""The promises every broker keeps, as tests that any broker can inherit; and the test client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from ._errors import NotStarted
from ._tester import Client, Closed, Received, Tester, User
from .abc import Broker, Member

__all__ = ["BrokerContract", "Client", "Closed", "Listener", "Received", "Tester", "User"]

Begin = Callable[[], Awaitable[tuple[Broker, "Listener"]]]


class Listener:
    """A node that writes down what its broker brings."""

    def __init__(self) -> None:
        self.messages: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
        self.changes: asyncio.Queue[tuple[str, Member, str]] = asyncio.Queue()
        self.returns: int = 0

    def on_message(self, subject: str, data: bytes) -> None:
        """Write a message down."""
        self.messages.put_nowait((subject, data))

    def on_presence(self, subject: str, member: Member, device: str) -> None:
        """Write a change of presence down."""
        self.changes.put_nowait((subject, member, device))

    async def on_return(self) -> None:
        """Count the returns."""
        self.returns += 1

    async def message(self) -> tuple[str, bytes]:
        """Return the next message."""
        return await asyncio.wait_for(self.messages.get(), 5)

    async def change(self) -> tuple[str, Member, str]:
        """Return the next change of presence."""
        return await asyncio.wait_for(self.changes.get(), 5)


class BrokerContract:
    """Subclass, and provide a `make` fixture: a function that returns brokers of one network."""

    @pytest.fixture
    def make(self) -> Callable[[], Broker]:
        """Return a function that makes one more broker, not started."""
        raise NotImplementedError

    @pytest.fixture
    async def begin(self, make: Callable[[], Broker]) -> AsyncIterator[Begin]:
        """Return a function that starts one more node."""
        brokers: list[Broker] = []

        async def begin() -> tuple[Broker, Listener]:
            broker, listener = make(), Listener()
            await broker.start(listener)
            brokers.append(broker)
            return broker, listener

        yield begin
        for broker in brokers:
            await broker.aclose()

    async def test_every_subscribed_node_hears_a_message_the_sender_too(self, begin: Begin) -> None:
        (one, heard), (two, also_heard) = await begin(), await begin()
        await one.subscribe("t:a")
        await two.subscribe("t:a")
        await one.publish("t:a", b"hello")
        assert await heard.message() == ("t:a", b"hello")
        assert await also_heard.message() == ("t:a", b"hello")

    async def test_messages_of_a_subject_arrive_in_order(self, begin: Begin) -> None:
        (one, _), (two, heard) = await begin(), await begin()
        await two.subscribe("t:a")
        for number in range(100):
            await one.publish("t:a", b"%d" % number)
        assert [int((await heard.message())[1]) for _ in range(100)] == list(range(100))

    async def test_data_arrives_as_it_was_sent(self, begin: Begin) -> None:
        broker, heard = await begin()
        subject = "t:größe {x} *?[a] \\ 'q\""
        await broker.subscribe(subject)
        for data in (b"", bytes(range(256)), b"M\n\nx", b"x" * 100_000):
            await broker.publish(subject, b"M" + data)
            assert await heard.message() == (subject, b"M" + data)

    async def test_a_node_hears_only_what_it_wants(self, begin: Begin) -> None:
        broker, heard = await begin()
        await broker.subscribe("t:a")
        await broker.subscribe("t:b")
        await broker.unsubscribe("t:a")
        await broker.publish("t:a", b"no")
        await broker.publish("t:ab", b"no")
        await broker.publish("t:b", b"yes")
        assert await heard.message() == ("t:b", b"yes")

    async def test_a_subject_can_be_wanted_again(self, begin: Begin) -> None:
        broker, heard = await begin()
        for number in range(10):
            await broker.subscribe("t:a")
            await broker.publish("t:a", b"%d" % number)
            assert await heard.message() == ("t:a", b"%d" % number)
            await broker.unsubscribe("t:a")

    async def test_devices_of_a_member_are_counted_over_all_nodes(self, begin: Begin) -> None:
        (one, heard), (two, _) = await begin(), await begin()
        await one.subscribe("t:a")
        ann = Member("ann", "Ann Ö.")
        await one.enter("t:a", ann, "phone")
        await two.enter("t:a", ann, "desk")
        assert await one.members("t:a") == [Member("ann", "Ann Ö.", 2)]
        await one.leave("t:a", ann, "phone")
        await two.leave("t:a", ann, "desk")
        assert await two.members("t:a") == []
        told = [await heard.change() for _ in range(4)]
        assert [(member.devices, device) for _, member, device in told] == [
            (1, "phone"),
            (2, "desk"),
            (1, "phone"),
            (0, "desk"),
        ]
        assert {(subject, member.id, member.name) for subject, member, _ in told} == {
            ("t:a", "ann", "Ann Ö.")
        }

    async def test_a_device_counts_once(self, begin: Begin) -> None:
        broker, _ = await begin()
        for _ in range(3):
            await broker.enter("t:a", Member("ann"), "phone")
        assert await broker.members("t:a") == [Member("ann", None, 1)]
        for _ in range(3):
            await broker.leave("t:a", Member("ann"), "phone")
        assert await broker.members("t:a") == []

    async def test_subjects_have_members_of_their_own(self, begin: Begin) -> None:
        broker, _ = await begin()
        await broker.enter("t:a", Member("ann"), "phone")
        await broker.enter("t:b", Member("bob"), "phone")
        await broker.leave("t:a", Member("ann"), "desk")
        assert await broker.members("t:a") == [Member("ann")]
        assert await broker.members("t:b") == [Member("bob")]

    async def test_members_leave_with_their_node(self, begin: Begin) -> None:
        (one, heard), (two, _) = await begin(), await begin()
        await one.subscribe("t:a")
        await two.enter("t:a", Member("bob"), "desk")
        await one.enter("t:a", Member("ann"), "phone")
        await two.aclose()
        assert await one.members("t:a") == [Member("ann")]
        told = [await heard.change() for _ in range(3)]
        assert told[-1] == ("t:a", Member("bob", None, 0), "desk")

    async def test_a_closed_broker_can_start_again(self, make: Callable[[], Broker]) -> None:
        broker, heard = make(), Listener()
        with pytest.raises(NotStarted):
            await broker.publish("t:a", b"")
        await broker.start(heard)
        assert await broker.health() == "ok"
        await broker.aclose()
        await broker.aclose()
        with pytest.raises(NotStarted):
            await broker.publish("t:a", b"")
        await broker.start(heard)
        await broker.subscribe("t:a")
        await broker.publish("t:a", b"again")
        assert await heard.message() == ("t:a", b"again")
        await broker.aclose()

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from mizzen.cable import Cable, CableError, Channel, Member, Misconfigured, Refused, event


async def test_those_who_joined_hear_what_is_published(rooms: Cable) -> None:
    async with rooms.test() as t:
        ann, bob, eve = await t.connect("ann"), await t.connect("bob"), await t.connect("eve")
        await ann.join("room:1")
        await bob.join("room:1")
        await eve.join("room:2")
        ann.received()
        await rooms.publish("room:1", "changed", {"at": datetime(2026, 1, 2, tzinfo=UTC)})
        for client in (ann, bob):
            received = await client.receive()
            assert (received.event, received.topic) == ("changed", "room:1")
            assert received.payload == {"at": "2026-01-02T00:00:00Z"}
        assert eve.received() == []


async def test_a_handler_answers_and_broadcasts(rooms: Cable) -> None:
    async with rooms.test() as t:
        ann, bob = await t.connect("ann"), await t.connect("bob")
        await ann.join("room:1")
        await bob.join("room:1")
        ann.received()
        assert await ann.send("room:1", "say", "hello") == 5
        assert (await bob.receive()).payload == {"text": "hello"}
        assert ann.received() == []


@pytest.mark.parametrize(
    ("topic", "code"),
    [
        ("room:secret", "forbidden"),
        ("room:", "unknown_topic"),
        ("room:1:2", "unknown_topic"),
        ("room:../x", "unknown_topic"),
        ("room:..", "unknown_topic"),
        ("room:1\n", "unknown_topic"),
        ("room:a b", "unknown_topic"),
        ("gist:../x", "unknown_topic"),
        ("", "unknown_topic"),
        ("room:" + "1" * 300, "unknown_topic"),
    ],
)
async def test_forged_and_forbidden_topics_are_refused(rooms: Cable, topic: str, code: str) -> None:
    async with rooms.test() as t:
        ann = await t.connect("ann")
        with pytest.raises(Refused) as refused:
            await ann.join(topic)
        assert refused.value.code == code
        assert rooms.stats()["topics"] == 0


async def test_what_is_not_joined_cannot_be_talked_to(rooms: Cable) -> None:
    async with rooms.test() as t:
        ann = await t.connect("ann")
        for call in (ann.send("room:1", "say", "x"), ann.leave("room:1")):
            with pytest.raises(Refused, match="not_joined"):
                await call
        await ann.join("room:1")
        with pytest.raises(Refused, match="unknown_event"):
            await ann.send("room:1", "authorize")
        await ann.leave("room:1")
        with pytest.raises(Refused, match="not_joined"):
            await ann.send("room:1", "say", "x")


async def test_a_failing_handler_tells_nothing_of_its_inside(
    rooms: Cable, caplog: pytest.LogCaptureFixture
) -> None:
    async with rooms.test() as t:
        ann = await t.connect("ann")
        await ann.join("room:1")
        with pytest.raises(Refused) as refused:
            await ann.send("room:1", "fail")
        assert refused.value.code == "failed"
        assert "secret detail" not in str(refused.value)
        assert "secret detail" in caplog.text
        assert await ann.send("room:1", "echo", 1) == 1


async def test_handlers_of_one_connection_run_in_order_and_of_two_at_once() -> None:
    cable = Cable()
    running: list[str] = []
    gate = asyncio.Event()

    @cable.channel("line")
    class Line(Channel):
        async def authorize(self) -> bool:
            return True

        @event
        async def wait(self, name: str) -> None:
            running.append(name)
            await gate.wait()

        @event
        async def go(self) -> None:
            gate.set()
            running.append("go")

    async with cable.test() as t:
        ann, bob = await t.connect("ann"), await t.connect("bob")
        await ann.join("line")
        await bob.join("line")
        slow = asyncio.ensure_future(ann.send("line", "wait", "first"))
        behind = asyncio.ensure_future(ann.send("line", "wait", "second"))
        while not running:  # noqa: ASYNC110
            await asyncio.sleep(0)
        assert running == ["first"]
        await bob.send("line", "go")
        await asyncio.gather(slow, behind)
        assert running == ["first", "go", "second"]


async def test_joins_and_leaves_run_their_hooks_whatever_ends_the_connection() -> None:
    cable = Cable()
    told: list[str] = []

    @cable.channel("hall")
    class Hall(Channel):
        async def authorize(self) -> bool:
            return self.connection.identity is not None

        async def on_join(self) -> None:
            told.append(f"+{self.connection.member.id}")
            if self.connection.member.id == "full":
                raise Refused("full", "no seat left")

        async def on_leave(self) -> None:
            told.append(f"-{self.connection.member.id}")

    async with cable.test() as t:
        ann, bob, full = await t.connect("ann"), await t.connect("bob"), await t.connect("full")
        guest = await t.connect()
        with pytest.raises(Refused, match="forbidden"):
            await guest.join("hall")
        await ann.join("hall")
        assert await ann.join("hall") == [{"id": "ann", "name": None, "devices": 1}]
        await bob.join("hall")
        with pytest.raises(Refused, match="no seat left"):
            await full.join("hall")
        assert [member.id for member in await cable.presence("hall")] == ["ann", "bob"]
        await ann.leave("hall")
        await bob.close()
        while len(told) < 5:  # noqa: ASYNC110
            await asyncio.sleep(0)
        assert sorted(told) == ["+ann", "+bob", "+full", "-ann", "-bob"]


async def test_a_user_is_present_as_long_as_one_device_is(rooms: Cable) -> None:
    async with rooms.test() as t:
        bob = await t.connect("bob")
        await bob.join("room:1")
        phone, desk = await t.connect("ann"), await t.connect("ann")
        await phone.join("room:1")
        arrived = (await bob.receive()).payload
        assert [member["id"] for member in arrived["joined"]] == ["ann"]
        assert (arrived["left"], arrived["members"]) == ([], 2)
        members = await desk.join("room:1")
        assert {(member["id"], member["devices"]) for member in members} == {("ann", 2), ("bob", 1)}
        assert await rooms.presence("room:1") == [Member("bob"), Member("ann", None, 2)]
        await phone.close()
        await desk.leave("room:1")
        gone = (await bob.receive()).payload
        assert [member["id"] for member in gone["left"]] == ["ann"]
        assert gone["members"] == 1
        assert bob.received() == []


async def test_guests_are_members_of_their_own(rooms: Cable) -> None:
    async with rooms.test() as t:
        one, two = await t.connect(), await t.connect()
        await one.join("room:1")
        assert len(await two.join("room:1")) == 2


async def test_a_user_is_reached_on_all_devices_and_signed_out_of_them(rooms: Cable) -> None:
    async with rooms.test() as t:
        devices = [await t.connect("ann") for _ in range(3)]
        other = await t.connect("bob")
        await rooms.send("ann", "notice", {"unread": 2})
        for device in devices:
            received = await device.receive()
            assert (received.event, received.payload, received.topic) == (
                "notice",
                {"unread": 2},
                None,
            )
        await rooms.disconnect("ann")
        assert [await device.closed() for device in devices] == [1000] * 3
        assert other.received() == []


async def test_defining_a_channel_again_replaces_it() -> None:
    cable = Cable()

    def cell(pattern: str, answer: int) -> None:
        @cable.channel(pattern)
        class Again(Channel):
            async def authorize(self) -> bool:
                return True

            @event
            async def ask(self) -> int:
                return answer

    cell("a:{id}", 1)
    cell("b:{id}", 2)
    async with cable.test() as t:
        ann = await t.connect("ann")
        with pytest.raises(Refused, match="unknown_topic"):
            await ann.join("a:1")
        await ann.join("b:1")
        assert await ann.send("b:1", "ask") == 2


async def test_a_literal_topic_goes_before_a_pattern() -> None:
    cable = Cable()

    class Open(Channel):
        presence = False

        async def authorize(self) -> bool:
            return True

        @event
        async def which(self) -> dict[str, str]:
            return dict(self.params)

    cable.channel("feed:{name}")(Open)
    cable.channel("feed:all")(Open)
    async with cable.test() as t:
        ann = await t.connect("ann")
        assert await ann.join("feed:all") == []
        await ann.join("feed:python")
        assert await ann.send("feed:all", "which") == {}
        assert await ann.send("feed:python", "which") == {"name": "python"}


def test_mistakes_in_a_definition_are_told_at_once() -> None:
    cable = Cable()

    class Mute(Channel):
        pass

    with pytest.raises(Misconfigured, match="authorize"):
        cable.channel("x")(Mute)
    for pattern in ("", "a:{", "a:{}", "a:{x}:{x}", "a:{1}", "a\n"):
        with pytest.raises(Misconfigured):
            cable.channel(pattern)
    with pytest.raises(Misconfigured, match="own event"):

        class Reserved(Channel):  # pyright: ignore[reportUnusedClass]
            @event
            async def join(self) -> None: ...

    with pytest.raises(Misconfigured, match="knows"):
        Cable("carrier-pigeon://roof")


@dataclass
class Move:
    x: int
    y: int = 0


@pytest.mark.parametrize(
    ("name", "payload", "answer"),
    [  # pyright: ignore[reportUnknownArgumentType]
        ("word", ["a"], "a"),
        ("word", [{"text": "a"}], "a"),
        ("word", [1], None),
        ("word", [], None),
        ("word", [None], None),
        ("word", [{"other": "a"}], None),
        ("word", [{"text": "a", "more": 1}], None),
        ("move", [{"x": 1}], [1, 0]),
        ("move", [{"x": 1, "y": 2}], [1, 2]),
        ("move", [{"x": "1"}], None),
        ("move", [{}], None),
        ("move", ["x"], None),
        ("pair", [{"a": 1, "b": "x"}], [1, "x"]),
        ("pair", [{"a": 1}], [1, "-"]),
        ("pair", [{"a": 1, "c": 1}], None),
        ("pair", [5], None),
        ("free", [{"value": [1]}], {"value": [1]}),
        ("nothing", [], "nothing"),
        ("nothing", [{}], "nothing"),
        ("nothing", [1], None),
        ("maybe", [], 7),
        ("maybe", [1], 1),
    ],
)
async def test_payloads_are_checked_against_annotations(
    name: str, payload: list[Any], answer: Any
) -> None:
    cable = Cable()

    @cable.channel("typed")
    class Typed(Channel):
        async def authorize(self) -> bool:
            return True

        @event
        async def word(self, text: str) -> str:
            return text

        @event("move")
        async def moved(self, to: Move) -> list[int]:
            return [to.x, to.y]

        @event
        async def pair(self, a: int, b: str = "-") -> list[Any]:
            return [a, b]

        @event
        async def free(self, value: object) -> object:
            return value

        @event
        async def nothing(self) -> str:
            return "nothing"

        @event
        async def maybe(self, number: int = 7) -> int:
            return number

    async with cable.test() as t:
        ann = await t.connect("ann")
        await ann.join("typed")
        if answer is None:
            with pytest.raises(Refused, match="bad_payload"):
                await ann.send("typed", name, *payload)
        else:
            assert await ann.send("typed", name, *payload) == answer


async def test_identify_sees_the_scope_and_may_refuse() -> None:
    async def identify(scope: Any) -> Any:
        headers = dict(scope["headers"])
        if scope["cable.auth"] == {"token": "bad"}:
            raise Refused("bad_token", "sign in again")
        if b"x-broken" in headers:
            raise ValueError("a bug")
        return scope.get("user")

    cable = Cable(identify=identify)
    async with cable.test() as t:
        await t.connect(identify=True)
        with pytest.raises(Refused, match="bad_token: sign in again"):
            await t.connect(identify=True, auth={"token": "bad"})
        with pytest.raises(Refused, match="failed"):
            await t.connect(identify=True, headers={"x-broken": "1"})
        assert cable.stats()["connections"] == 1


async def test_what_cannot_be_json_is_the_callers_mistake(rooms: Cable) -> None:
    async with rooms.test():
        with pytest.raises(CableError, match="not JSON"):
            await rooms.publish("room:1", "x", object())

"""Two nodes on one Redis: what happens when it goes away, and when a node is killed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from mizzen.cable import Cable, CableError, Refused, Unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

pytestmark = pytest.mark.extra("redis")

Eventually = Any


@pytest.fixture
async def pair(
    valkey_url: str, tcp_proxy: Any, with_rooms: Callable[[Cable], Cable]
) -> AsyncIterator[tuple[Cable, Cable, Any]]:
    """One node behind a proxy, and one beside it."""
    proxy = tcp_proxy(valkey_url)
    options = "?node_timeout=1s"
    async with (
        with_rooms(Cable(proxy.url + options)) as near,
        with_rooms(Cable(valkey_url + options)) as far,
    ):
        yield near, far, proxy


async def is_ok(cable: Cable) -> bool:
    return bool((await cable.health())["ok"])


async def test_two_nodes_are_one_cable(pair: tuple[Cable, Cable, Any]) -> None:
    near, far, _ = pair
    async with near.test() as n, far.test() as f:
        ann, bob = await n.connect("ann"), await f.connect("bob")
        await ann.join("room:1")
        assert [member["id"] for member in await bob.join("room:1")] == ["ann", "bob"]
        assert (await ann.receive()).payload["members"] == 2
        await near.publish("room:1", "changed", 1)
        await far.publish("room:1", "changed", 2)
        for client in (ann, bob):
            assert {(await client.receive()).payload for _ in range(2)} == {1, 2}
        assert await bob.send("room:1", "say", "hi") == 2
        assert (await ann.receive()).payload == {"text": "hi"}
        await far.send("ann", "notice", 1)
        assert (await ann.receive()).event == "notice"
        await far.disconnect("ann")
        assert await ann.closed() == 1000
        assert (await bob.receive()).payload["members"] == 1


@pytest.mark.parametrize("fault", ["cut", "blackhole"])
async def test_a_broker_that_was_away_comes_back(
    pair: tuple[Cable, Cable, Any], eventually: Eventually, fault: str
) -> None:
    near, far, proxy = pair
    async with near.test() as n, far.test() as f:
        ann, bob, leaver = await n.connect("ann"), await f.connect("bob"), await n.connect("lea")
        for client in (ann, bob, leaver):
            await client.join("room:1")
        getattr(proxy, fault)()
        await eventually(lambda: is_not_ok(near), 15)
        with pytest.raises(Unavailable):
            await near.publish("room:1", "lost", 1)
        ann._patience = 8.0  # pyright: ignore[reportPrivateUsage]
        with pytest.raises(Refused, match="unavailable"):
            await ann.join("room:2")
        await leaver.close()
        await bob.leave("room:1")
        # The node's lease ends meanwhile, and the other one takes its members away.
        await eventually(lambda: nobody_in(far, "room:1"), 10)
        ann.received()
        proxy.heal()
        await eventually(lambda: is_ok(near), 15)
        await eventually(lambda: only_in(far, "room:1", "ann"), 10)
        left = {member["id"] for event in await heard(ann, 0.3) for member in event.payload["left"]}
        assert {"bob", "lea"} <= left
        await far.publish("room:1", "changed", 2)
        assert (await ann.receive()).payload == 2
        await ann.join("room:2")
        await near.publish("room:2", "changed", 3)
        assert (await ann.receive()).payload == 3


async def is_not_ok(cable: Cable) -> bool:
    return not await is_ok(cable)


async def nobody_in(cable: Cable, topic: str) -> bool:
    return await cable.presence(topic) == []


async def only_in(cable: Cable, topic: str, user: str) -> bool:
    return [member.id for member in await cable.presence(topic)] == [user]


async def heard(client: Any, duration: float) -> list[Any]:
    await asyncio.sleep(duration)
    return client.received()  # type: ignore[no-any-return]


async def test_a_flushed_broker_learns_again_who_is_present(
    pair: tuple[Cable, Cable, Any], valkey_url: str, eventually: Eventually
) -> None:
    from redis.asyncio import Redis

    near, far, _ = pair
    async with near.test() as n, far.test() as f:
        await (await n.connect("ann")).join("room:1")
        await (await f.connect("ann")).join("room:1")
        async with Redis.from_url(valkey_url) as redis:  # pyright: ignore[reportUnknownMemberType]
            await redis.flushdb()  # pyright: ignore[reportUnknownMemberType]

        async def both() -> bool:
            return [m.devices for m in await far.presence("room:1")] == [2]

        await eventually(both, 5)


CHILD = """
import asyncio, sys
from mizzen.cable import Cable, Channel

cable = Cable(sys.argv[1])

@cable.channel("room:{id}")
class Room(Channel):
    async def authorize(self): return True

async def main():
    async with cable.test() as t:
        for number in range(300):
            client = await t.connect(f"child {number % 100}")
            await client.join("room:1")
        print("joined")
        await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_members_of_a_killed_node_vanish_in_time(
    valkey_url: str,
    worker_process: Any,
    with_rooms: Callable[[Cable], Cable],
    eventually: Callable[..., Awaitable[None]],
) -> None:
    url = valkey_url + "?node_timeout=1s"
    async with with_rooms(Cable(url)) as cable, cable.test() as t:
        ann = await t.connect("ann")
        await ann.join("room:1")
        child = worker_process("-c", CHILD, url)
        await child.wait_for("joined", 20)
        assert sorted({m.devices for m in await cable.presence("room:1")}) == [1, 3]
        assert len(await cable.presence("room:1")) == 101
        child.kill()
        await eventually(lambda: only_in(cable, "room:1", "ann"), 4)
        members = 0
        while members != 1:
            members = (await ann.receive()).payload["members"]


async def test_without_a_server_the_start_fails_clearly() -> None:
    cable = Cable("redis://127.0.0.1:1/0")
    with pytest.raises(CableError, match="could not be reached"):
        await cable.start()
    assert (await cable.health())["ok"] is False
    await cable.aclose()


async def test_closing_is_bounded_while_the_broker_is_away(
    pair: tuple[Cable, Cable, Any],
) -> None:
    near, _, proxy = pair
    async with near.test() as t:
        await (await t.connect("ann")).join("room:1")
        proxy.blackhole()
        async with asyncio.timeout(12):
            await near.aclose()

"""What a hostile or broken client may do to itself, and to nobody else."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from mizzen.cable import Cable, Limits, Refused
from mizzen.cable.testing import Closed

if TYPE_CHECKING:
    from collections.abc import Callable

    from mizzen.cable.testing import Client


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "x",
        "9",
        "4",
        "4x",
        "49",
        "42",
        "42{}",
        "42[]",
        "42[1]",
        "42[null]",
        '42["join"',
        "42" + "[" * 50_000,
        "42" + '[["join","room:1"]]',
        "4299999999999999999999999999999999",
        "42" + "1" * 200 + '["join","room:1"]',
        '4251-["x",{"_placeholder":true,"num":0}]',
        "4599999999999-[]",
        '451-["x",{"_placeholder":true,"num":0}]',
        '42/other,["join","room:1"]',
        "44",
        "b4aGVsbG8=",
        '42["\\ud800"',
        "0{}",
        "42[" + "9" * 5000 + "]",
    ],
)
async def test_a_bad_frame_ends_its_own_connection_only(rooms: Cable, frame: str) -> None:
    async with rooms.test() as t:
        ann, eve = await t.connect("ann"), await t.connect("eve")
        await ann.join("room:1")
        await eve.join("room:1")
        eve.send_frame(frame)
        assert await eve.closed() == 1008
        assert (await ann.receive()).event == "presence"
        assert (await ann.receive()).payload["members"] == 1
        assert await ann.send("room:1", "echo", 1) == 1


@pytest.mark.parametrize(
    ("arguments", "code"),
    [  # pyright: ignore[reportUnknownArgumentType]
        (["join"], "unknown_topic"),
        (["join", None], "unknown_topic"),
        (["join", {"a": 1}], "unknown_topic"),
        (["join", ["room:1"]], "unknown_topic"),
        (["leave"], "not_joined"),
        (["leave", {}], "not_joined"),
        (["say"], "not_joined"),
        (["say", []], "not_joined"),
        (["say", "room:1", "a", "b"], "bad_payload"),
        (["connect", "room:1"], "unknown_event"),
        (["disconnect", "room:1"], "unknown_event"),
        (["__init__", "room:1"], "unknown_event"),
        (["", "room:1"], "unknown_event"),
    ],
)
async def test_a_wrong_request_is_answered_with_its_code(
    rooms: Cable, arguments: list[Any], code: str
) -> None:
    async with rooms.test() as t:
        ann = await t.connect("ann")
        await ann.join("room:1")
        ann.send_frame("427" + json.dumps(arguments))
        assert (await frame(ann, "437"))[0]["code"] == code
        assert await ann.send("room:1", "echo", 1) == 1


async def frame(client: Client, start: str) -> Any:
    """Return the content of the first frame that starts so."""
    async with asyncio.timeout(2):
        while True:
            for text in client.frames:
                if text.startswith(start):
                    return json.loads(text[len(start) :])
            await asyncio.sleep(0)


async def test_an_oversized_frame_ends_the_connection(with_rooms: Callable[[Cable], Cable]) -> None:
    cable = with_rooms(Cable(limits=Limits(payload=1000)))
    async with cable.test() as t:
        ann = await t.connect("ann")
        await ann.join("room:1")
        assert len(await ann.send("room:1", "echo", "x" * 900)) == 900
        ann.send_frame('42["echo","room:1","' + "ö" * 495 + '"]')
        assert await ann.closed() == 1009


async def test_subscriptions_are_limited(with_rooms: Callable[[Cable], Cable]) -> None:
    cable = with_rooms(Cable(limits=Limits(topics=2)))
    async with cable.test() as t:
        ann = await t.connect("ann")
        await ann.join("room:1")
        await ann.join("room:2")
        with pytest.raises(Refused, match="too_many_topics"):
            await ann.join("room:3")
        await ann.leave("room:1")
        await ann.join("room:3")


async def test_a_flood_is_refused_and_then_cut_off(with_rooms: Callable[[Cable], Cable]) -> None:
    cable = with_rooms(Cable(limits=Limits(rate=1, burst=10)))
    async with cable.test() as t:
        eve, ann = await t.connect("eve"), await t.connect("ann")
        await eve.join("room:1")
        with pytest.raises(Refused, match="rate_limited"):
            for number in range(12):
                await eve.send("room:1", "echo", number)
        for _ in range(30):
            eve.send_frame('42["echo","room:1",1]')
        assert await eve.closed() == 1008
        await ann.join("room:1")


async def test_messages_pile_up_to_a_limit_only(with_rooms: Callable[[Cable], Cable]) -> None:
    cable = with_rooms(Cable(limits=Limits(pending=5)))
    async with cable.test() as t:
        ann = await t.connect("ann")
        answers = [asyncio.ensure_future(ann.send("room:1", "say", "x")) for _ in range(20)]
        codes = [
            error.code
            for error in await asyncio.gather(*answers, return_exceptions=True)
            if isinstance(error, Refused)
        ]
        assert codes.count("not_joined") >= 5
        assert set(codes) <= {"not_joined", "busy"}


async def test_one_who_never_introduces_itself_is_shown_out(
    with_rooms: Callable[[Cable], Cable],
) -> None:
    cable = with_rooms(Cable(limits=Limits(handshake=0.1)))
    async with cable.test() as t:
        ann = await t.connect("ann")
        silent = asyncio.Queue[dict[str, Any]]()
        silent.put_nowait({"type": "websocket.connect"})
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        scope: dict[str, Any] = {
            "type": "websocket",
            "path": "/cable/",
            "query_string": b"EIO=4&transport=websocket",
            "headers": [],
        }
        async with asyncio.timeout(3):
            await cable(scope, silent.get, send)
        assert (sent[-1]["type"], sent[-1]["code"]) == ("websocket.close", 1008)
        await ann.join("room:1")


async def test_one_whose_identity_takes_for_ever_leaves_nothing_behind() -> None:
    async def identify(scope: Any) -> None:
        await asyncio.Event().wait()

    cable = Cable(identify=identify, limits=Limits(handshake=0.1))
    async with cable.test() as t:
        with pytest.raises(Closed):
            await t.connect(identify=True)
        server: Any = cable._server  # pyright: ignore[reportPrivateUsage]
        assert (server.links, server.manager.rooms, server.environ) == ({}, {}, {})
        assert server.manager.pending_connect == {}
        assert cable.stats()["connections"] == 0


async def test_one_who_does_not_answer_pings_is_given_up() -> None:
    cable = Cable(ping_interval=0.05, ping_timeout=0.05)
    async with cable.test() as t:
        alive = await t.connect("ann")
        dead = await t.connect("bob")
        answer = dead.send_frame
        dead.send_frame = lambda text: None if text == "3" else answer(text)  # type: ignore[method-assign]
        assert await dead.closed() == 1008
        await asyncio.sleep(0.2)
        assert alive.close_code is None


async def test_connections_are_limited(with_rooms: Callable[[Cable], Cable]) -> None:
    cable = with_rooms(Cable(limits=Limits(connections=1)))
    async with cable.test() as t:
        await t.connect("ann")
        with pytest.raises(Exception, match="ended"):
            await t.connect("bob")
        assert cable.stats()["connections"] == 1


@pytest.mark.parametrize(
    ("origins", "host", "origin", "welcome"),
    [
        (None, "example.com", None, True),
        (None, "example.com", "https://example.com", True),
        (None, "example.com:443", "https://EXAMPLE.com", True),
        (None, "example.com:8000", "http://example.com:8000", True),
        (None, "example.com", "https://example.com.evil.org", False),
        (None, "example.com", "https://evil.org", False),
        (None, "example.com:8000", "http://example.com:9000", False),
        (None, "example.com", "null", False),
        (None, "example.com", "", False),
        (None, "example.com", "https://example.com:x", False),
        (None, "[::1]:80", "http://[::1]", True),
        (["https://a.org"], "b.org", "https://a.org", True),
        (["https://a.org"], "b.org", "https://b.org", False),
        ("https://a.org", "b.org", "https://a.org", True),
        ("*", "b.org", "https://any.org", True),
    ],
)
async def test_pages_of_other_sites_may_not_connect(
    origins: Any, host: str, origin: str | None, welcome: bool
) -> None:
    cable = Cable(origins=origins)
    headers = {"host": host} | ({} if origin is None else {"origin": origin})
    async with cable.test() as t:
        if welcome:
            await t.connect("ann", headers=headers)
        else:
            with pytest.raises(Exception, match="ended"):
                await t.connect("ann", headers=headers)
            assert cable.stats()["origins_refused_total"] == 1


@pytest.mark.parametrize(
    ("path", "root", "status"),
    [("/cable/", "", 400), ("/cable", "", 400), ("/", "/cable", 400), ("/other", "", 404)],
)
async def test_http_is_told_that_this_is_for_websockets(
    rooms: Cable, path: str, root: str, status: int
) -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request"}

    await rooms({"type": "http", "path": path, "root_path": root, "headers": []}, receive, send)
    assert sent[0]["status"] == status
    if status == 400:
        assert b"websocket" in sent[1]["body"]

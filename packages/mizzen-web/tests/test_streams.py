"""Streams and server-sent events, to their end and to an early one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator  # noqa: TC003

import pytest

from mizzen.web import Event, EventStream, Stream, Web


async def test_chunks_arrive_one_by_one() -> None:
    web = Web()
    step = asyncio.Event()

    @web.get("/")
    async def index() -> Stream:
        async def chunks() -> AsyncIterator[str]:
            yield "one"
            await step.wait()
            yield "two"

        return Stream(chunks(), media_type="text/csv")

    async with web.test().stream("/") as reply:
        assert reply.headers["content-type"] == "text/csv"
        arriving = aiter(reply)
        assert await anext(arriving) == b"one"
        step.set()
        assert await anext(arriving) == b"two"
        with pytest.raises(StopAsyncIteration):
            await anext(arriving)


async def test_async_generator_handler_is_a_stream() -> None:
    web = Web()

    @web.get("/")
    async def index(n: int = 2) -> AsyncIterator[bytes]:
        for at in range(n):
            yield b"%d" % at

    assert (await web.test().get("/?n=3")).text == "012"


async def test_client_that_leaves_ends_the_stream_and_runs_its_finally() -> None:
    web = Web()
    ended = asyncio.Event()

    @web.get("/")
    async def index() -> EventStream:
        async def quiet() -> AsyncIterator[str]:
            try:
                yield "hello"
                await asyncio.Event().wait()
            finally:
                ended.set()

        return EventStream(quiet())

    async with web.test().stream("/") as reply:
        assert await anext(aiter(reply)) == b"data: hello\n\n"
    await asyncio.wait_for(ended.wait(), 5)
    assert web.stats()["disconnects_total"] == 1
    assert web.stats()["in_flight"] == 0


async def test_failing_stream_fails_the_connection_as_itself() -> None:
    web = Web()

    @web.get("/")
    async def index() -> Stream:
        async def chunks() -> AsyncIterator[bytes]:
            yield b"half"
            raise KeyError("lost")

        return Stream(chunks())

    with pytest.raises(KeyError, match="lost"):
        await web.test().get("/")
    assert web.stats()["in_flight"] == 0


async def test_head_of_a_stream_closes_it_unread() -> None:
    web = Web()

    @web.get("/")
    async def index() -> Stream:
        async def chunks() -> AsyncIterator[bytes]:
            raise AssertionError
            yield b""

        return Stream(chunks())

    assert (await web.test().head("/")).status == 200


async def test_events_on_the_wire() -> None:
    web = Web()

    @web.get("/")
    async def index() -> EventStream:
        async def events() -> AsyncIterator[object]:
            yield "a\r\nb\rc\nd"
            yield {"x": 1}
            yield Event([1], event="tick", id="7", retry="2s")

        return EventStream(events())

    reply = await web.test().get("/")
    assert reply.headers["content-type"] == "text/event-stream"
    assert reply.headers["cache-control"] == "no-cache"
    assert reply.text == (
        "data: a\ndata: b\ndata: c\ndata: d\n\n"
        'data: {"x":1}\n\n'
        "event: tick\nid: 7\nretry: 2000\ndata: [1]\n\n"
    )


async def test_event_name_cannot_split_the_event() -> None:
    web = Web()

    @web.get("/")
    async def index() -> EventStream:
        async def events() -> AsyncIterator[Event]:
            yield Event("x", event="a\ndata: forged")

        return EventStream(events())

    with pytest.raises(ValueError, match="line break"):
        await web.test().get("/")


async def test_quiet_event_stream_is_kept_alive() -> None:
    web = Web()

    @web.get("/")
    async def index() -> EventStream:
        async def quiet() -> AsyncIterator[str]:
            await asyncio.Event().wait()
            yield "never"

        return EventStream(quiet(), ping="10ms")

    async with web.test().stream("/") as reply:
        assert await anext(aiter(reply)) == b":\n\n"

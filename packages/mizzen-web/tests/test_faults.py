"""A handler that raises, hangs or is cancelled, and a client that goes away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator  # noqa: TC003
from contextvars import ContextVar
from typing import Any

import pytest

from mizzen.web import Context, Stream, Web

current: ContextVar[str | None] = ContextVar("current", default=None)


class Resource:
    open = 0


def guarded(**options: Any) -> Web:
    Resource.open = 0
    web = Web(**options)

    @web.provide
    async def resource() -> AsyncIterator[Resource]:
        Resource.open += 1
        try:
            yield Resource()
        finally:
            Resource.open -= 1

    return web


def request(method: str = "GET") -> dict[str, Any]:
    return {
        "type": "http",
        "method": method,
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "headers": [],
    }


async def never() -> Any:
    await asyncio.Event().wait()


async def test_raising_handler_leaves_nothing_open() -> None:
    web = guarded()

    @web.get("/")
    async def index(resource: Resource) -> None:
        current.set("mine")
        raise KeyError

    assert (await web.test().get("/")).status == 500
    assert (Resource.open, current.get(), web.stats()["in_flight"]) == (0, None, 0)


async def test_hanging_handler_is_ended_by_the_timeout() -> None:
    web = guarded(timeout="20ms")

    @web.get("/")
    async def index(resource: Resource) -> None:
        await asyncio.Event().wait()

    reply = await web.test().get("/")
    assert (reply.status, Resource.open) == (503, 0)


async def test_own_timeout_of_a_handler_is_not_taken_for_the_sites() -> None:
    web = guarded(timeout=5)

    @web.get("/")
    async def index() -> None:
        raise TimeoutError

    assert (await web.test().get("/")).status == 500


async def test_cancelled_request_leaves_nothing_open() -> None:
    web = guarded()
    reached = asyncio.Event()

    @web.get("/")
    async def index(resource: Resource) -> None:
        reached.set()
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        raise AssertionError(message)

    task = asyncio.create_task(web(request(), never, send))
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (Resource.open, web.stats()["in_flight"]) == (0, 0)


async def test_client_that_leaves_while_sending_its_body_gets_no_answer() -> None:
    web = guarded()
    messages = iter(
        [
            {"type": "http.request", "body": b"half", "more_body": True},
            {"type": "http.disconnect"},
        ]
    )

    @web.post("/")
    async def create(resource: Resource, ctx: Context) -> int:
        return len(await ctx.body())

    async def receive() -> Any:
        return next(messages)

    async def send(message: Any) -> None:
        raise AssertionError(message)

    await web(request("POST"), receive, send)
    assert web.stats()["disconnects_total"] == 1
    assert web.stats()["errors_total"] == 0
    assert (Resource.open, web.stats()["in_flight"]) == (0, 0)


async def test_server_that_says_so_by_raising_from_send_ends_a_stream() -> None:
    web = guarded()
    closed = asyncio.Event()
    sent: list[Any] = []

    @web.get("/")
    async def index(resource: Resource) -> Stream:
        async def chunks() -> AsyncIterator[bytes]:
            try:
                while True:
                    yield b"x"
            finally:
                closed.set()

        return Stream(chunks())

    async def send(message: Any) -> None:
        if len(sent) > 2:
            raise OSError("gone")
        sent.append(message["type"])

    await web(request(), never, send)
    assert closed.is_set()
    assert (Resource.open, web.stats()["disconnects_total"]) == (0, 1)


async def test_requests_at_once_do_not_mix() -> None:
    web = guarded()

    @web.get("/{name}")
    async def index(name: str, ctx: Context, resource: Resource) -> list[Any]:
        current.set(name)
        ctx.state["name"] = name
        await asyncio.sleep(0)
        return [ctx.state["name"], current.get(), ctx.params]

    client = web.test()
    replies = await asyncio.gather(*(client.get(f"/{n}") for n in range(50)))
    for n, reply in enumerate(replies):
        assert reply.json() == [str(n), str(n), {"name": str(n)}]
    assert Resource.open == 0


async def test_failed_request_gives_back_what_it_holds_before_it_answers() -> None:
    web = guarded()
    held: list[int] = []

    @web.get("/")
    async def index(resource: Resource) -> None:
        raise KeyError

    async def send(message: Any) -> None:
        held.append(Resource.open)

    await web(request(), never, send)
    assert held == [0, 0]


async def test_server_that_raises_from_send_for_a_left_client_is_no_error() -> None:
    web = guarded()

    @web.get("/")
    async def index() -> str:
        return "x"

    async def send(message: Any) -> None:
        raise OSError("gone")

    await web(request(), never, send)
    assert web.stats()["disconnects_total"] == 1
    assert web.stats()["errors_total"] == 0


async def test_failing_cleanup_after_a_failure_is_logged_and_answered(
    caplog: pytest.LogCaptureFixture,
) -> None:
    web = Web()

    @web.provide
    async def resource() -> AsyncIterator[Resource]:
        try:
            yield Resource()
        finally:
            raise OSError("cannot close")

    @web.get("/")
    async def index(resource: Resource) -> None:
        raise KeyError("first")

    assert (await web.test().get("/")).status == 500
    assert "cannot close" in caplog.text
    assert web.stats()["in_flight"] == 0

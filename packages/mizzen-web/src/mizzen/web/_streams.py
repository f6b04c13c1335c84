"""Answers that are sent as they come: byte streams and server-sent events.

While a stream runs, the connection is watched: a client that leaves cancels the stream, and the
iterator is always closed, so its `finally` runs.
"""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ._responses import Response, encode_json
from ._units import Duration, seconds

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Mapping

    from .abc import Receive, Scope, Send


class Stream(Response):
    """A body made of the chunks of an async iterator, sent one by one as the client takes them."""

    __slots__ = ("_chunks",)

    def __init__(
        self,
        chunks: AsyncIterable[bytes | str],
        status: int = 200,
        *,
        media_type: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(b"", status, headers=headers, media_type=media_type)
        self._chunks = chunks

    async def send_stream(self, scope: Scope, receive: Receive, send: Send) -> bool:
        """Send until the end; return False if the client left before."""
        import anyio

        await send(
            {"type": "http.response.start", "status": self.status, "headers": self.raw_headers}
        )
        if scope["method"] == "HEAD":
            await _close(self._chunks)
            await send({"type": "http.response.body", "body": b""})
            return True
        left = False

        async def watch() -> None:
            nonlocal left
            while (await receive())["type"] != "http.disconnect":
                pass
            left = True
            group.cancel_scope.cancel()

        failure: Exception | None = None
        async with anyio.create_task_group() as group:
            group.start_soon(watch)
            try:
                await self._send_chunks(send)
            except OSError:  # servers may say so by raising from send()
                left = True
            except Exception as exc:
                failure = exc  # raised below as itself, not wrapped into the group's
            group.cancel_scope.cancel()
        if failure is not None:
            raise failure
        if not left:
            await send({"type": "http.response.body", "body": b""})
        return not left

    async def _send_chunks(self, send: Send) -> None:
        async with _closing(self._chunks) as chunks:
            async for chunk in chunks:
                body = chunk.encode() if isinstance(chunk, str) else chunk
                await send({"type": "http.response.body", "body": body, "more_body": True})


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event; data that is no text is sent as JSON. `retry` is a duration."""

    data: Any
    event: str | None = None
    id: str | None = None
    retry: Duration | None = None


class EventStream(Stream):
    """Server-sent events out of an async iterator of `Event`, text, or JSON-able values.

    A comment goes out when nothing else did for `ping`, so that proxies keep the connection.
    """

    __slots__ = ("_ping",)
    media_type = "text/event-stream"

    def __init__(self, events: AsyncIterable[Any], *, ping: Duration = 15) -> None:
        super().__init__(_encoded(events))
        self.add_header("cache-control", "no-cache")
        self.add_header("x-accel-buffering", "no")  # nginx would hold events back
        self._ping = seconds(ping)

    async def _send_chunks(self, send: Send) -> None:
        import anyio

        sent = anyio.current_time()
        lock = anyio.Lock()

        async def deliver(message: Any) -> None:
            nonlocal sent
            async with lock:
                await send(message)
                sent = anyio.current_time()

        async def ping() -> None:
            while True:
                await anyio.sleep(max(0.0, sent + self._ping - anyio.current_time()))
                if anyio.current_time() >= sent + self._ping:
                    message = {"type": "http.response.body", "body": b":\n\n", "more_body": True}
                    await deliver(message)

        failure: Exception | None = None
        async with anyio.create_task_group() as group:
            group.start_soon(ping)
            try:
                await super()._send_chunks(deliver)
            except Exception as exc:
                failure = exc
            group.cancel_scope.cancel()
        if failure is not None:
            raise failure


async def _encoded(events: AsyncIterable[Any]) -> AsyncGenerator[bytes, None]:
    async with _closing(events) as open_events:
        async for event in open_events:
            yield encode_event(event)


def encode_event(item: Any) -> bytes:
    """Return the wire form of one event; a line break in its name or id raises ValueError."""
    event = item if isinstance(item, Event) else Event(item)
    lines: list[str] = []
    for field, value in (("event", event.event), ("id", event.id)):
        if value is not None:
            if any(mark in value for mark in "\r\n\0"):
                raise ValueError(f"an event's {field} cannot carry a line break: {value!r}")
            lines.append(f"{field}: {value}")
    if event.retry is not None:
        lines.append(f"retry: {int(seconds(event.retry) * 1000)}")
    data = event.data if isinstance(event.data, str) else encode_json(event.data).decode()
    # The three line ends that the format knows; any of them would end a data line.
    plain = data.replace("\r\n", "\n").replace("\r", "\n")
    lines += [f"data: {line}" for line in plain.split("\n")]
    return ("\n".join(lines) + "\n\n").encode()


async def _close(source: AsyncIterable[Any]) -> None:
    async with _closing(source):
        pass


def _closing(source: AsyncIterable[Any]) -> aclosing[Any]:
    iterator: AsyncIterator[Any] = aiter(source)
    return aclosing(iterator if hasattr(iterator, "aclose") else _generate(iterator))


async def _generate(source: AsyncIterator[Any]) -> AsyncGenerator[Any, None]:
    async for item in source:
        yield item

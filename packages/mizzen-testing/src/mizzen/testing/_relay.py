"""Carries bytes between clients and one target, and spoils that on demand; runs on anyio."""

from __future__ import annotations

import socket
from contextlib import asynccontextmanager, suppress
from math import inf
from typing import TYPE_CHECKING

import anyio
from anyio.abc import SocketAttribute

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from anyio.abc import SocketStream, TaskGroup
    from anyio.streams.memory import MemoryObjectReceiveStream

CHUNKS_UNDER_WAY = 64  # of up to 64 KiB; then the sender feels the back-pressure
BROKEN = (anyio.BrokenResourceError, anyio.ClosedResourceError, OSError)
RESET_ON_CLOSE = b"\1\0\0\0\0\0\0\0"  # struct linger: on, 0 s; the close then sends RST, not FIN


class Connection:
    """One client, and its way to the target once there is one."""

    def __init__(self, client: SocketStream) -> None:
        self.streams = [client]
        self.scope = anyio.CancelScope()
        self.lost_bytes = False
        self.closed = anyio.Event()

    def reset(self) -> None:
        """Make both ends see `ECONNRESET`."""
        for stream in self.streams:
            raw = stream.extra(SocketAttribute.raw_socket)  # noqa: S610
            with suppress(OSError):
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        self.scope.cancel()


class Relay:
    """A listener on 127.0.0.1 and the connections that came through it."""

    def __init__(self, host: str, port: int) -> None:
        self.target = (host, port)
        self.port = 0
        self.delay = 0.0
        self.bandwidth = inf
        self.accepted_total = 0
        self.connections: set[Connection] = set()
        self._swallowing = False
        self._listener: anyio.abc.Listener[SocketStream] | None = None
        self._tasks: TaskGroup | None = None

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Listen until the end of the block, then reset whatever is still open."""
        async with anyio.create_task_group() as self._tasks:
            await self._listen()
            try:
                yield
            finally:
                with anyio.CancelScope(shield=True):
                    await self.cut()
                self._tasks.cancel_scope.cancel()

    async def cut(self) -> None:
        """Reset all connections and refuse new ones; both have happened on return."""
        listener, self._listener = self._listener, None
        if listener is not None:
            await listener.aclose()
        await self._reset(self.connections)

    async def blackhole(self) -> None:
        """From now on accept everything and answer nothing."""
        self._swallowing = True
        await self._listen()

    async def heal(self) -> None:
        """Be an honest relay again; a connection that lost bytes can't be mended and is reset."""
        self.delay, self.bandwidth, self._swallowing = 0.0, inf, False
        await self._reset({each for each in self.connections if each.lost_bytes})
        await self._listen()

    async def _listen(self) -> None:
        if self._listener is not None:
            return
        both = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=self.port)
        (listener,) = both.listeners
        self.port = listener.extra(SocketAttribute.local_port)  # noqa: S610
        self._listener = listener
        assert self._tasks is not None
        self._tasks.start_soon(self._accept, listener)

    async def _accept(self, listener: anyio.abc.Listener[SocketStream]) -> None:
        with suppress(anyio.ClosedResourceError):
            await listener.serve(self._carry, self._tasks)

    async def _reset(self, connections: set[Connection]) -> None:
        leaving = list(connections)
        for connection in leaving:
            connection.reset()
        for connection in leaving:
            await connection.closed.wait()

    async def _carry(self, client: SocketStream) -> None:
        connection = Connection(client)
        self.accepted_total += 1
        self.connections.add(connection)
        try:
            with connection.scope:
                if self._listener is None:  # accepted a moment before the cut
                    connection.reset()
                if self._swallowing:
                    await self._swallow(connection)
                try:
                    target = await anyio.connect_tcp(*self.target)
                except OSError:
                    connection.reset()
                    return
                connection.streams.append(target)
                async with anyio.create_task_group() as ways:
                    ways.start_soon(self._one_way, connection, client, target)
                    ways.start_soon(self._one_way, connection, target, client)
        finally:
            with anyio.CancelScope(shield=True):
                for stream in connection.streams:
                    await anyio.aclose_forcefully(stream)
            self.connections.discard(connection)
            connection.closed.set()

    async def _swallow(self, connection: Connection) -> None:
        """Read and drop, until a reset ends the connection."""
        connection.lost_bytes = True
        with suppress(anyio.EndOfStream, *BROKEN):
            while True:
                await connection.streams[0].receive()
        await anyio.sleep_forever()

    async def _one_way(
        self, connection: Connection, source: SocketStream, sink: SocketStream
    ) -> None:
        """Read at once and deliver later: a delay must not become a limit of the throughput."""
        put, get = anyio.create_memory_object_stream[tuple[float, bytes]](CHUNKS_UNDER_WAY)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._deliver, connection, get, sink)
            async with put:
                try:
                    async for chunk in source:
                        await put.send((anyio.current_time() + self.delay, chunk))
                except BROKEN:
                    connection.reset()

    async def _deliver(
        self,
        connection: Connection,
        chunks: MemoryObjectReceiveStream[tuple[float, bytes]],
        sink: SocketStream,
    ) -> None:
        async with chunks:
            async for due, chunk in chunks:
                await anyio.sleep_until(due)
                await anyio.sleep(len(chunk) / self.bandwidth)
                if self._swallowing:
                    connection.lost_bytes = True
                    continue
                try:
                    await sink.send(chunk)
                except BROKEN:
                    connection.reset()
        if self._swallowing:  # an end is news too
            connection.lost_bytes = True
            await anyio.sleep_forever()
        with suppress(*BROKEN):
            await sink.send_eof()

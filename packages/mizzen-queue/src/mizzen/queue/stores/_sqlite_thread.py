"""One thread that owns one SQLite connection; what is asked while it works shares a commit."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import threading
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar, cast

from .._errors import StoreBusy, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._lane import Lane

T = TypeVar("T")

BUSY_MS = 5000
_GROUP = 256  # operations that may share one commit


class SqliteThread:
    """Runs operations `fn(connection)` in order; with a lane, inside a write transaction.

    Operations that wait together commit together, and are answered after the commit. When one
    of them fails, all are rolled back and each runs again by itself, so none pays for another.
    """

    def __init__(self, path: str, lane: Lane | None) -> None:
        self._path, self._lane = path, lane
        self._inbox: SimpleQueue[_Request | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._pid = 0

    async def start(self, prepare: Callable[[sqlite3.Connection], object]) -> None:
        """Open the connection on a new thread, and run *prepare* there first."""
        self._pid = os.getpid()
        self._inbox = SimpleQueue()
        opened = _Request(prepare)
        self._closed = asyncio.Event()
        # A daemon: a queue that nobody closed must not keep the program from ending. Dying in
        # the middle of a transaction is the same to SQLite as a crash, and as harmless.
        self._thread = threading.Thread(
            target=self._live, args=(opened,), name="mizzen.queue sqlite", daemon=True
        )
        self._thread.start()
        await opened.future

    async def run(
        self, operation: Callable[[sqlite3.Connection], T], *, is_long: bool = False
    ) -> T:
        """The operation's result, after its commit; StoreError or StoreBusy when it failed.

        One that *is_long* lets those go first that wait with it.
        """
        if self._pid != os.getpid():
            raise StoreError(
                "this queue was started before a fork: start a new one in the child process"
            )
        request = _Request(operation, is_long=is_long)
        self._inbox.put(request)
        return cast("T", await request.future)

    async def aclose(self) -> None:
        """Finish what was asked, and close the connection."""
        if self._thread is None:
            return
        self._inbox.put(None)
        self._thread = None
        await self._closed.wait()

    def _live(self, opened: _Request) -> None:
        try:
            connection = sqlite3.connect(self._path, timeout=BUSY_MS / 1000, isolation_level=None)
        except sqlite3.Error as exc:
            opened.error = _mapped(exc, self._path)
            opened.deliver()
            return
        try:
            opened.call(connection)
            opened.fail_mapped(self._path)
            opened.deliver()
            if opened.error is None:
                self._serve(connection)
        finally:
            connection.close()
            if self._lane is not None:
                self._lane.close()
            with contextlib.suppress(RuntimeError):  # the loop has closed: nobody waits
                opened.loop.call_soon_threadsafe(self._closed.set)

    def _serve(self, connection: sqlite3.Connection) -> None:
        while (request := self._inbox.get()) is not None:
            group, last = [request], False
            while len(group) < _GROUP:
                try:
                    following = self._inbox.get_nowait()
                except Empty:
                    break
                if following is None:
                    last = True
                    break
                group.append(following)
            for share in (
                [request for request in group if not request.is_long],
                [request for request in group if request.is_long],
            ):
                if share:
                    self._answer(connection, share)
            if last:
                return

    def _answer(self, connection: sqlite3.Connection, group: list[_Request]) -> None:
        if self._lane is None:
            for request in group:
                request.call(connection)
        elif not _commit(connection, self._lane, group) and len(group) > 1:
            for request in group:
                _commit(connection, self._lane, [request])
        for request in group:
            request.fail_mapped(self._path)
        # One crossing to the event loop answers the whole group.
        with contextlib.suppress(RuntimeError):  # the loop has closed: nobody waits
            group[0].loop.call_soon_threadsafe(_deliver, group)


class _Request:
    """One operation, and the future of the coroutine that asked for it."""

    def __init__(
        self, operation: Callable[[sqlite3.Connection], object], *, is_long: bool = False
    ) -> None:
        self.is_long = is_long
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Any] = self.loop.create_future()
        self.error: BaseException | None = None
        self._operation = operation
        self._result: object = None

    def call(self, connection: sqlite3.Connection) -> None:
        self._result = self.error = None
        try:
            self._result = self._operation(connection)
        except BaseException as exc:
            self.error = exc

    def fail_mapped(self, path: str) -> None:
        if self.error is not None:
            self.error = _mapped(self.error, path)

    def deliver(self) -> None:
        """From the thread: hand the answer to the loop."""
        self.loop.call_soon_threadsafe(self.settle)

    def settle(self) -> None:
        """On the loop: answer, unless the asker has gone."""
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self._result)


def _commit(connection: sqlite3.Connection, lane: Lane, group: list[_Request]) -> bool:
    try:
        lane.enter()
        try:
            connection.execute("BEGIN IMMEDIATE")
            try:
                for request in group:
                    request.call(connection)
                    if request.error is not None:
                        raise request.error
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        finally:
            lane.leave()
    except BaseException as exc:
        for request in group:
            request.error = exc
        return False
    return True


def _deliver(group: list[_Request]) -> None:
    for request in group:
        request.settle()


def _mapped(error: BaseException, path: str) -> BaseException:
    if isinstance(error, sqlite3.OperationalError) and "locked" in str(error):
        mapped: StoreError = StoreBusy(f"{path} stayed locked for {BUSY_MS / 1000:g} s; try again")
    elif isinstance(error, sqlite3.Error):
        mapped = StoreError(f"{path}: {error}")
    elif isinstance(error, OSError):
        mapped = StoreError(f"{path}.lane: {error.strerror or error}")
    else:
        return error
    mapped.__cause__ = error
    return mapped

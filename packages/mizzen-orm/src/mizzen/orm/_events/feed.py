"""Who hears of committed changes: functions, and loops over `db.changes()`."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections import deque
from typing import TYPE_CHECKING, Self, cast

from .._errors import ConfigurationError, Lagged
from .change import Change, merged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

    from .._models.model import Model

    Listener = Callable[[Change], object]

_log = logging.getLogger("mizzen.orm.changes")


class Listening:
    """One listener of a database; `stop()`, or the end of a `with`, ends it."""

    def __init__(self, feed: Feed, listener: Listener, models: tuple[type[Model], ...]) -> None:
        self._feed, self._models = feed, models
        self.listener = listener

    def wants(self, change: Change) -> bool:
        """Return whether the listener asked for rows of this model, or of what it inherits from."""
        return not self._models or issubclass(change.model, self._models)

    def stop(self) -> None:
        """Listen no more; stopping again does nothing."""
        self._feed.remove(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


class Feed:
    """The listeners of one database; false while nobody listens, and then writes cost no more."""

    def __init__(self) -> None:
        self._listening: tuple[Listening, ...] = ()
        self._readers: set[Changes] = set()

    def __bool__(self) -> bool:
        return bool(self._listening)

    def add(self, listener: Listener, models: tuple[type[Model], ...]) -> Listening:
        """Call *listener* with each committed change of *models*, or of all."""
        if not callable(listener) or not all(
            isinstance(cast("object", model), type) for model in models
        ):
            raise ConfigurationError(
                "changes are followed with a function, and of models: db.on_change(tell, Note), "
                "db.changes(Note)."
            )
        made = Listening(self, listener, models)
        self._listening = (*self._listening, made)
        return made

    def remove(self, listening: Listening) -> None:
        """Take a listener out."""
        self._listening = tuple(one for one in self._listening if one is not listening)

    def follow(self, reader: Changes, models: tuple[type[Model], ...]) -> Listening:
        """Let *reader* take each committed change, until it is over."""
        self._readers.add(reader)
        return self.add(reader.take, models)

    def leave(self, reader: Changes) -> None:
        """Let *reader* take no more."""
        self._readers.discard(reader)

    def end(self) -> None:
        """End the loops over changes: the database is closed."""
        for reader in list(self._readers):
            reader.end()

    async def publish(self, changes: Iterable[Change]) -> None:
        """Tell everyone; a listener that fails is logged, for the rows are committed already."""
        for change in merged(changes):
            for listening in self._listening:
                if listening.wants(change):
                    await _tell(listening.listener, change)


class Changes:
    """The committed changes from now on, one by one: `async with db.changes() as changes:`.

    It keeps at most *backlog* changes that its reader did not take yet. A reader that is slower
    loses its place: it gets `Lagged`, and should read the rows again. The loop ends with the
    block, and when the database is closed.
    """

    def __init__(self, feed: Feed, models: tuple[type[Model], ...], backlog: int) -> None:
        self._feed, self._models, self._backlog = feed, models, backlog
        self._waiting: deque[Change] = deque()
        self._lost = 0
        self._arrived = asyncio.Event()
        self._ended = False
        self._listening: Listening | None = None

    async def __aenter__(self) -> Self:
        if self._listening is None:
            self._listening = self._feed.follow(self, self._models)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()

    def __aiter__(self) -> Self:
        if self._listening is None:
            raise ConfigurationError(
                "nothing is followed yet: `async with db.changes() as changes:`, and in it "
                "`async for change in changes:`."
            )
        return self

    def end(self) -> None:
        """Take no more; what was taken can still be read."""
        if self._listening is not None:
            self._listening.stop()
        self._feed.leave(self)
        self._ended = True
        self._arrived.set()

    async def __anext__(self) -> Change:
        """Wait for the next change; raises `Lagged` when some were lost."""
        while not self._waiting and not self._lost:
            if self._ended:
                raise StopAsyncIteration
            self._arrived.clear()
            await self._arrived.wait()
        if self._lost:
            lost, self._lost = self._lost + len(self._waiting), 0
            self._waiting.clear()
            raise Lagged(
                f"{lost} changes came faster than they were read: read the rows again and go on, "
                "or give db.changes() a larger backlog.",
                lost=lost,
            )
        return self._waiting.popleft()

    def take(self, change: Change) -> None:
        """Keep a change for the reader."""
        if len(self._waiting) < self._backlog:
            self._waiting.append(change)
        else:
            self._lost += 1
        self._arrived.set()


async def _tell(listener: Listener, change: Change) -> None:
    try:
        answer = listener(change)
        if inspect.isawaitable(answer):
            await answer
    except Exception:
        _log.exception("a listener failed at %r; the row is committed", change)

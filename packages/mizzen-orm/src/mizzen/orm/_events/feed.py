"""Who hears of committed changes: functions, and loops over `db.changes()`."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections import deque
from typing import TYPE_CHECKING, Self

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

    def __bool__(self) -> bool:
        return bool(self._listening)

    def add(self, listener: Listener, models: tuple[type[Model], ...]) -> Listening:
        """Call *listener* with each committed change of *models*, or of all."""
        if not callable(listener) or not all(isinstance(model, type) for model in models):
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

    async def publish(self, changes: Iterable[Change]) -> None:
        """Tell everyone; a listener that fails is logged, for the rows are committed already."""
        for change in merged(changes):
            for listening in self._listening:
                if listening.wants(change):
                    await _tell(listening.listener, change)


class Changes:
    """The committed changes from now on, one by one: `async with db.changes() as changes:`.

    It keeps at most *backlog* changes that its reader did not take yet. A reader that is slower
    loses its place: it gets `Lagged`, and should read the rows again.
    """

    def __init__(self, feed: Feed, models: tuple[type[Model], ...], backlog: int) -> None:
        self._feed, self._models, self._backlog = feed, models, backlog
        self._waiting: deque[Change] = deque()
        self._lost = 0
        self._arrived = asyncio.Event()
        self._listening: Listening | None = None

    async def __aenter__(self) -> Self:
        self._listening = self._feed.add(self._take, self._models)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._listening is not None:
            self._listening.stop()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Change:
        """Wait for the next change; raises `Lagged` when some were lost."""
        while not self._waiting and not self._lost:
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

    def _take(self, change: Change) -> None:
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

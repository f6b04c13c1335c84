"""Read replicas: reads take turns among those that are up, everything else is the primary's.

A replica that can't be reached is left out, and asked now and then in the background until it
answers; no read waits for it meanwhile. When none is up, the primary serves the reads too.
"""

from __future__ import annotations

import asyncio
import logging
from contextvars import Context
from typing import TYPE_CHECKING

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from .._errors import ConfigurationError, Conflict, Damaged, OrmError, Unavailable
from ..drivers import driver_for, masked, scheme_of
from .direct import Straight
from .finish import finish
from .routing import Route
from .sticky import Sticky

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

    from ..abc import Driver

_log = logging.getLogger("mizzen.orm.replicas")
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 15.0  # seconds between two looks at one that is down
_LOOK_SECONDS = 5.0


class Replica:
    """One replica: its driver, and whether it answers."""

    def __init__(self, url: str, *, timeout: float, pool: int) -> None:
        sqlite = scheme_of(url) in {"sqlite", "memory"}
        if url == "memory:":
            raise ConfigurationError('"memory:" is nobody\'s replica: it is empty at first.')
        options: dict[str, object] = {"writable": False} if sqlite else {}
        self.driver: Driver = driver_for(url, timeout=timeout, pool=pool, **options)
        self.name: str = masked(url)
        self.straight: Straight | None = None
        self.up: bool = False
        self._opened = False

    async def look(self) -> None:
        """Open it, or ask it something; raises what is wrong."""
        if not self._opened:
            await self.driver.open()
            self._opened = True
            direct = getattr(self.driver, "direct", None)
            if direct is not None:
                self.straight = Straight(direct, self.driver.reader.dialect)
        else:
            async with self.driver.reader.connect() as connection:
                await connection.execute(text("SELECT 1"))
        self.up = True

    async def close(self) -> None:
        """Let go of its connections."""
        opened = self._opened
        self._opened = False
        self.up = False
        if opened:
            await self.driver.close()

    def busy(self) -> int:
        """Return how many connections are at work."""
        if not self._opened:
            return 0
        direct = getattr(self.driver, "direct", None)
        pooled = int(getattr(self.driver.reader.pool, "checkedout", int)())
        return pooled + (direct.busy() if direct is not None else 0)


class Replicas:
    """The replicas of one database."""

    def __init__(
        self, primary: Driver, urls: Sequence[str], *, timeout: float, pool: int, sticky: float
    ) -> None:
        if isinstance(urls, str):
            raise ConfigurationError('replicas takes a list of URLs: replicas=["…"].')
        self._primary = primary
        self.all: list[Replica] = [Replica(url, timeout=timeout, pool=pool) for url in urls]
        for replica in self.all:
            if type(replica.driver) is not type(primary):
                raise ConfigurationError(
                    f'the replica "{replica.name}" is another kind of database than the primary.'
                )
        self.sticky: Sticky = Sticky(sticky)
        self._turn = 0
        self._routes: dict[Replica | None, Route] = {}
        self._looking: set[asyncio.Task[None]] = set()

    async def open(self, straight: Straight | None, remember: Callable[[], None]) -> None:
        """Open each replica; one that can't be reached is looked for in the background.

        *remember* is called after each write that goes straight to the primary.
        """
        for replica in self.all:
            try:
                await replica.look()
            except (OrmError, SQLAlchemyError, OSError) as error:
                self._leave_out(replica, error)
        if straight is not None:
            self._routes = {one: Route(self, straight, one, remember) for one in (*self.all, None)}

    async def close(self) -> None:
        """Close every replica."""
        for task in list(self._looking):
            task.cancel()
        if self._looking:
            await asyncio.wait(self._looking)
        for replica in self.all:
            await replica.close()

    def straight(self, wrote: Iterable[float]) -> Straight | None:
        """Return the direct way for one call, whose reads all go to one replica."""
        return self._routes.get(next(self.order(wrote), None))

    async def session(
        self, make: Callable[[AsyncEngine], AsyncSession], wrote: Iterable[float]
    ) -> AsyncSession:
        """Return a session for reads, with its connection, on a replica that answers."""
        for replica in self.order(wrote):
            session = make(replica.driver.reader)
            try:
                await session.connection()
            except BaseException as error:
                await finish(session.close())
                if not isinstance(error, SQLAlchemyError | OSError):
                    raise
                if not self.passes_on(replica, error):
                    raise replica.driver.explain(error) from error
            else:
                return session
        return make(self._primary.reader)

    def order(self, wrote: Iterable[float]) -> Iterator[Replica]:
        """Yield the replicas that are up, the next in turn first; none for the primary's readers.

        *wrote* are times of writes in the blocks around.
        """
        if self.sticky.holds(wrote):
            return
        self._turn += 1
        count = len(self.all)
        for step in range(count):
            replica = self.all[(self._turn + step) % count]
            if replica.up:
                yield replica

    def passes_on(self, replica: Replica, error: SQLAlchemyError | OSError) -> bool:
        """Return whether another database should be asked; one that is lost is left out."""
        said = replica.driver.explain(error)
        if isinstance(said, Unavailable | Damaged):
            self._leave_out(replica, said)
            return True
        # A standby gives up reads that stand in the way of what it has to replay.
        return isinstance(said, Conflict)

    def busy(self) -> int:
        """Return how many connections are at work."""
        return sum(replica.busy() for replica in self.all)

    def _leave_out(self, replica: Replica, error: Exception) -> None:
        if replica.up or not any(task.get_name() == replica.name for task in self._looking):
            replica.up = False
            _log.warning("the replica %s is left out: %s", replica.name, error)
            looking = self._look_until_up(replica)
            task = asyncio.create_task(looking, name=replica.name, context=Context())
            self._looking.add(task)
            task.add_done_callback(self._looking.discard)

    async def _look_until_up(self, replica: Replica) -> None:
        pause = _FIRST_PAUSE
        while not replica.up:
            await asyncio.sleep(pause)
            pause = min(_LONGEST_PAUSE, pause * 2)
            try:
                async with asyncio.timeout(_LOOK_SECONDS):
                    await replica.look()
            except (OrmError, SQLAlchemyError, OSError) as error:
                _log.debug("the replica %s is still down: %s", replica.name, error)
        _log.info("the replica %s is back", replica.name)

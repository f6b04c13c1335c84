"""What a `Database` offers to who wants to see its statements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from .._units import seconds
from .caching import Caching
from .watch import Watch

if TYPE_CHECKING:
    from datetime import timedelta

    from ..abc import QueryCache
    from .n_plus_one import Detecting
    from .query_log import QueryLog
    from .watch import Listener, Observing

OnNPlusOne = Literal["warn", "raise"]


class Watched:
    """The part of `Database` that is seen by observers."""

    _watch: Watch
    _log: QueryLog | None = None
    _query_cache: QueryCache | None = None

    def _watch_with(
        self,
        log_queries: bool,
        slow_queries: float | timedelta | str | None,
        n_plus_one: OnNPlusOne | None,
        query_cache: QueryCache | None,
        url: str,
    ) -> None:
        database: Any = self
        self._watch = Watch(database)
        self._query_cache = query_cache
        if query_cache is not None:
            self._watch.caching = Caching(database, query_cache, url)
        if log_queries or slow_queries is not None:
            from .query_log import QueryLog

            slow = None if slow_queries is None else seconds(slow_queries)
            self._log = QueryLog(every=log_queries, slow=slow)
            self._watch.add(self._log)
        if n_plus_one is not None:
            from .n_plus_one import for_tasks

            self._watch.add(for_tasks(n_plus_one), judges=True)

    def on_query(self, observer: Listener) -> Observing:
        """Call *observer* with a `QueryRun` after each statement, until `stop()` or a `with` ends.

        It runs in the event loop, so it should be quick. What it raises is logged. Migrations,
        which have connections of their own, and COPY are not seen.
        """
        return self._watch.add(observer)

    def detect_n_plus_one(self, limit: int = 3, *, on: OnNPlusOne = "raise") -> Detecting:
        """Look, inside a `with`, for reads that one line repeats more than *limit* times.

        The read that is one too many raises `NPlusOne`, or warns. Reads of the block's own task
        and of those started in it count.
        """
        from .n_plus_one import Detecting

        return Detecting(self._watch, limit, on)

    @property
    def query_cache(self) -> QueryCache | None:
        """Where `Query.cached()` keeps answers, if a cache was given."""
        return self._query_cache

    @property
    def caching(self) -> Caching | None:
        """The query cache at work; None inside a sandbox, too."""
        return self._watch.caching

    @property
    def log(self) -> QueryLog | None:
        """The query log, with `log.slowest()`, when `log_queries` or `slow_queries` was given."""
        return self._log

"""Inserts into PostgreSQL: those that are asked for while one is under way share the next."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

import msgspec
import psycopg

from ..abc import Inserted
from . import _postgres_schema as sql
from ._inserted import has_keys, in_order

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from ..abc import NewJob

    Asked = tuple[Sequence[NewJob], asyncio.Future[Inserted]]
    Fetch = Callable[[str, Any], Awaitable[list[Any]]]

_MOST = 500  # jobs that share one statement; as many and more get one of their own

# One job by itself is planned once for all, and parses no JSON.
_ONE = """
INSERT INTO mizzen_job (state, kind, queue, priority, args, max_attempts, run_at, created_at)
VALUES ((%(run_at)s::float8 > %(created_at)s::float8)::int, %(kind)s, %(queue)s, %(priority)s,
        %(args)s, %(max_attempts)s, %(run_at)s, %(created_at)s)
RETURNING id, pg_notify('mizzen_job', '')
"""
_MANY = sql.INSERT.format(jobs="%s")
_KEYED = sql.INSERT_KEYED.format(jobs="%s")
_WITHIN = sql.WITHIN.format(jobs="%s")


class Inserts:
    """Each commit has its price, so that ten callers at once pay for two of them, not ten."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._under_way = False
        self._waiting: deque[Asked] = deque()
        self._task: asyncio.Task[None] | None = None

    async def insert(self, jobs: Sequence[NewJob]) -> Inserted:
        """Commit *jobs*, maybe together with others."""
        if has_keys(jobs):  # may have to wait for somebody's transaction: alone
            return await self._keyed(jobs)
        if len(jobs) >= _MOST:
            return await self._plain(jobs)
        if self._under_way:
            answer: asyncio.Future[Inserted] = asyncio.get_running_loop().create_future()
            self._waiting.append((jobs, answer))
            return await answer
        self._under_way = True
        try:
            return await self._plain(jobs)
        finally:
            if self._waiting:
                # A task of its own: whoever asks for some of them may be cancelled.
                self._task = asyncio.create_task(self._insert_waiting())
            else:
                self._under_way = False

    async def _insert_waiting(self) -> None:
        try:
            while self._waiting:
                await self._insert_together(self._take())
        finally:
            self._under_way = False
            _refuse(self._waiting)
            self._waiting.clear()

    def _take(self) -> list[Asked]:
        group: list[Asked] = []
        size = 0
        while self._waiting and size < _MOST:
            jobs, answer = self._waiting.popleft()
            if not answer.done():  # or whoever asked has gone
                group.append((jobs, answer))
                size += len(jobs)
        return group

    async def _insert_together(self, group: list[Asked]) -> None:
        try:
            inserted = await self._plain([job for jobs, _ in group for job in jobs])
        except Exception as exc:
            if len(group) > 1 and isinstance(exc.__cause__, psycopg.DataError):
                # Nothing was stored; what is wrong with one of them is not the others' fault.
                for one in group:
                    await self._insert_together([one])
                return
            for _, answer in group:
                if not answer.done():
                    answer.set_exception(exc)
        except BaseException:
            _refuse(group)
            raise
        else:
            ids = iter(inserted.ids)
            for jobs, answer in group:
                own = Inserted([next(ids) for _ in jobs])
                if not answer.done():
                    answer.set_result(own)

    async def _plain(self, jobs: Sequence[NewJob]) -> Inserted:
        if len(jobs) == 1:
            rows = await self._fetch(_ONE, msgspec.structs.asdict(jobs[0]))
        else:
            rows = await self._fetch(_MANY, (msgspec.json.encode(jobs).decode(),))
        return Inserted(sorted(row[0] for row in rows))

    async def _keyed(self, jobs: Sequence[NewJob]) -> Inserted:
        rows = (msgspec.json.encode(jobs).decode(),)
        new = await self._fetch(_KEYED, rows)
        ended = await self._fetch(_WITHIN, rows) if len(new) < len(jobs) else []
        return in_order(jobs, new, lambda: ended)


def _refuse(group: Iterable[Asked]) -> None:
    """The loop is ending."""
    for _, answer in group:
        answer.cancel()

"""Watching the jobs in memory, and changing many of them at once."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from .._monitored import Tally, WorkerRecord
from ..abc import Record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._monitored import Filter
    from ..abc import Status, WorkerInfo


class MemoryMonitoring:
    """The part of the store in memory that `mizzen.queue._monitored.Monitored` describes."""

    _rows: dict[int, Any]  # records, with what the store adds to them
    _workers: dict[int, tuple[WorkerInfo, float]]
    _held: dict[int, set[int]]

    async def cancel(self, id: int) -> Status | None:
        raise NotImplementedError

    async def retry(self, id: int) -> bool:
        raise NotImplementedError

    def _forget(self, id: int) -> None:
        raise NotImplementedError

    async def list(
        self, which: Filter, limit: int, before: int | None, brief: bool
    ) -> Sequence[Record]:
        found = (
            _copy(self._rows[id], brief)
            for id in reversed(tuple(self._rows))
            if (before is None or id < before) and _meets(self._rows[id], which)
        )
        return [*islice(found, limit)]

    async def tally(self) -> Sequence[Tally]:
        counts: Counter[tuple[str, str, Status]] = Counter()
        oldest: dict[tuple[str, str, Status], float] = {}
        for row in self._rows.values():
            key = (row.queue, row.kind, row.status)
            counts[key] += 1
            if row.status == "queued":
                oldest.setdefault(key, row.created_at)
        return [Tally(*key, count, oldest.get(key)) for key, count in counts.items()]

    async def ended(self, first: int, last: int) -> Sequence[tuple[int, Status, int]]:
        counts: Counter[tuple[int, Status]] = Counter(
            (int(row.finished_at // 60), row.status)
            for row in self._rows.values()
            if row.finished_at is not None and first * 60 <= row.finished_at < last * 60 + 60
        )
        return [(*key, count) for key, count in counts.items()]

    async def on_record(self) -> Sequence[WorkerRecord]:
        return [
            WorkerRecord(who.id, who.host, who.pid, beat, len(self._held.get(who.id, ())))
            for who, beat in self._workers.values()
        ]

    async def cancel_many(self, ids: Sequence[int]) -> dict[int, Status]:
        cancelled: dict[int, Status] = {}
        for id in ids:
            if (was := await self.cancel(id)) is not None:
                cancelled[id] = was
        return cancelled

    async def retry_many(self, ids: Sequence[int]) -> int:
        return sum([await self.retry(id) for id in ids])

    async def delete(self, ids: Sequence[int], status: Status | None) -> int:
        rows = [self._rows[id] for id in ids if id in self._rows]
        gone = [row for row in rows if row.finished_at is not None and status in (None, row.status)]
        for row in gone:
            self._forget(row.id)
        return len(gone)


def _meets(row: Record, which: Filter) -> bool:
    return (
        which.status in (None, row.status)
        and which.queue in (None, row.queue)
        and which.kind in (None, row.kind)
    )


def _copy(row: Record, brief: bool) -> Record:
    record = Record(*(getattr(row, name) for name in Record.__struct_fields__))
    if not brief:
        return record
    return replace(
        record, args="{}", result=None, meta=None, error=record.error and record.error[:300]
    )

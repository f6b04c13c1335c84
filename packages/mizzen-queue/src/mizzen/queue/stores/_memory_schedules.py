"""Schedules in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from .._scheduled import REMEMBERED, Planned

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ..abc import Inserted, NewJob


class MemorySchedules:
    """The part of the store in memory that `mizzen.queue._scheduled.Scheduled` describes."""

    clock: Callable[[], float]

    def __init__(self) -> None:
        self._plans: dict[str, tuple[str, Planned]] = {}
        self._fired: dict[tuple[str, float], float] = {}

    async def insert(self, jobs: Sequence[NewJob]) -> Inserted:
        raise NotImplementedError

    async def plan(self, specs: Mapping[str, str]) -> Sequence[Planned]:
        now = self.clock()
        for name, spec in specs.items():
            known, row = self._plans.get(name, (None, Planned(name, now)))
            if known != spec:
                self._plans[name] = (spec, replace(row, since=now))
        return [self._plans[name][1] for name in specs]

    async def planned(self) -> Sequence[Planned]:
        return [row for _, row in self._plans.values()]

    async def fire(self, name: str, at: float, job: NewJob) -> Inserted | None:
        spec, row = self._plans.get(name, ("", None))
        if row is None or row.paused or (name, at) in self._fired:
            return None
        now = self.clock()
        self._fired[name, at] = now
        inserted = await self.insert([job])  # nothing else runs meanwhile
        self._plans[name] = (spec, replace(row, last_at=at, last_job=inserted.ids[0]))
        while now - next(iter(self._fired.values())) > REMEMBERED:
            del self._fired[next(iter(self._fired))]
        return inserted

    async def hold(self, name: str, paused: bool) -> bool:
        if name not in self._plans:
            return False
        spec, row = self._plans[name]
        if row.paused != paused:
            since = row.since if paused else self.clock()
            self._plans[name] = (spec, replace(row, paused=paused, since=since))
        return True

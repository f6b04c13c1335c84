"""Fires the schedules of a queue; every worker does, and the store takes each time once."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from ._errors import QueueError, StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ._queue import Queue
    from ._schedule import Schedule
    from ._scheduled import Scheduled

_log = logging.getLogger("mizzen.queue")

# Clocks may be set, computers sleep, and schedules be defined: look again, however far the next is.
_LOOK_AGAIN = 1.0


@dataclass
class _Hand:
    """How far one schedule is: fired up to `looked`, and due at `following`."""

    schedule: Schedule
    looked: float
    following: float


class Ticker:
    """One worker's part in the schedules."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._hands: dict[str, _Hand] = {}

    async def run(self) -> None:
        """Fire what is due, for ever."""
        while True:
            try:
                pause = await self.tick()
            except StoreError as exc:
                _log.warning("the schedules of %r wait for the store: %s", self._queue, exc)
                pause = _LOOK_AGAIN
            await asyncio.sleep(pause)

    async def tick(self) -> float:
        """Fire what is due; how many seconds there is nothing to do.

        When the store refuses one, the others are fired, and StoreError is raised.
        """
        timetable = dict(self._queue.timetable)
        if not timetable:
            return _LOOK_AGAIN
        await self._learn(timetable)
        clock = self._queue.store.clock
        now = clock()
        end = now + _LOOK_AGAIN
        failure: StoreError | None = None
        for name, schedule in timetable.items():
            hand = self._hands[name]
            if now < hand.looked:  # the clock was set back
                hand.following = schedule.after(now)
            elif now >= hand.following:
                try:
                    await self._fire(hand, now)
                except StoreError as exc:
                    failure = exc
                    continue
                hand.following = schedule.after(now)
            hand.looked = now
            end = min(end, hand.following)
        if failure is not None:
            raise failure
        return max(0.001, end - clock())

    async def _learn(self, timetable: Mapping[str, Schedule]) -> None:
        new = {
            name: schedule
            for name, schedule in timetable.items()
            if name not in self._hands or self._hands[name].schedule is not schedule
        }
        if not new:
            return
        store = cast("Scheduled", self._queue.store)
        rows = await store.plan({name: schedule.spec for name, schedule in new.items()})
        now = self._queue.store.clock()
        for row in rows:
            # What lies ahead was put down before the clock was set back.
            known = [at for at in (row.since, row.last_at) if at is not None and at <= now]
            since = max(known, default=now)
            self._hands[row.name] = _Hand(new[row.name], since, new[row.name].after(since))

    async def _fire(self, hand: _Hand, now: float) -> None:
        for at in hand.schedule.due(hand.looked, now):
            try:
                await self._queue.fire(hand.schedule, at)
            except StoreError:
                raise
            except QueueError:
                _log.exception("%r can't be enqueued", hand.schedule)

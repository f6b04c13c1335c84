"""A busy worker leaves room for others that write to the same SQLite file."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING

from mizzen.queue.abc import OPEN, WorkerInfo
from mizzen.queue.stores._lane import Lane
from mizzen.queue.stores._sqlite_thread import SqliteThread
from mizzen.queue.stores.sqlite import SqliteStore
from mizzen.queue.testing import KIND, new

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_who_waits_for_the_lane_goes_before_who_comes_back(tmp_path: Path) -> None:
    entries, stop = 0, threading.Event()

    def come_back_at_once() -> None:
        nonlocal entries
        lane = Lane(f"{tmp_path}/app.db", 10)
        while not stop.is_set():
            lane.enter()
            entries += 1
            time.sleep(0.002)
            lane.leave()
        lane.close()

    busy = threading.Thread(target=come_back_at_once)
    busy.start()
    overtaken: list[int] = []
    lane = Lane(f"{tmp_path}/app.db", 10)
    for _ in range(20):
        time.sleep(0.001)
        before = entries
        lane.enter()
        overtaken.append(entries - before)
        lane.leave()
    stop.set()
    busy.join()
    lane.close()
    # The one that may have taken its place in line before, and the one that held the lane then.
    assert max(overtaken) <= 2
    assert lane.contended_at > 0


async def test_what_is_long_lets_what_waits_with_it_go_first(tmp_path: Path) -> None:
    thread = SqliteThread(f"{tmp_path}/app.db", Lane(f"{tmp_path}/app.db", 5))
    await thread.start(lambda connection: None)
    begun, go_on, order = threading.Event(), threading.Event(), list[str]()

    def hold(_: object) -> None:
        begun.set()
        go_on.wait(5)

    first = asyncio.create_task(thread.run(hold))
    await asyncio.to_thread(begun.wait, 5)
    waiting = [
        asyncio.create_task(thread.run(lambda _: order.append("long"), is_long=True)),
        asyncio.create_task(thread.run(lambda _: order.append("short"))),
    ]
    await asyncio.sleep(0.01)
    go_on.set()
    await asyncio.gather(first, *waiting)
    assert order == ["short", "long"]
    await thread.aclose()


async def test_claims_are_small_while_others_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mizzen.queue.stores.sqlite._COMPANY", 3600)
    store = SqliteStore(f"sqlite:///{tmp_path}/app.db")
    await store.start()
    await store.heartbeat(WorkerInfo(1, "here", 1, "today"))
    await store.insert([new() for _ in range(250)])
    first = await store.step(1, [], 500, {KIND: OPEN}, None)
    assert (len(first.claimed), first.crowded) == (200, True)
    second = await store.step(1, [], 500, {KIND: OPEN}, None)
    assert (len(second.claimed), second.crowded) == (50, False)
    monkeypatch.setattr("mizzen.queue.stores.sqlite._COMPANY", 0)
    await store.insert([new() for _ in range(250)])
    alone = await store.step(1, [], 500, {KIND: OPEN}, None)
    assert len(alone.claimed) == 250
    await store.aclose()

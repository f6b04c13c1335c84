from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mizzen.queue import Queue, Retry

if TYPE_CHECKING:
    from collections.abc import Mapping

ODD = 'a"b\\c\nd'
_LINE = re.compile(r'([a-z_]+)(?:\{((?:[a-z]+="(?:[^"\\\n]|\\["\\n])*",?)+)\})? ([0-9.e+-]+)')
_LABEL = re.compile(r'([a-z]+)="((?:[^"\\\n]|\\["\\n])*)"')


def samples(text: str) -> Mapping[tuple[str, ...], float]:
    """Read the format as its description says; fails on a line that isn't in it."""
    found: dict[tuple[str, ...], float] = {}
    types: dict[str, str] = {}
    assert text.endswith("\n")
    for line in text.splitlines():
        if line.startswith("#"):
            _, word, name, rest = line.split(" ", 3)
            if word == "TYPE":
                assert name not in types
                types[name] = rest
            continue
        matched = _LINE.fullmatch(line)
        assert matched, line
        name = re.sub("_(bucket|sum|count)$", "", matched[1])
        assert name in types
        labels = [
            value.encode().decode("unicode_escape") for _, value in _LABEL.findall(matched[2] or "")
        ]
        assert (matched[1], *labels) not in found
        found[matched[1], *labels] = float(matched[3])
    return found


async def test_prometheus_is_told_of_jobs_workers_and_attempts(q: Queue) -> None:
    @q.job(queue=ODD, name=ODD, retry=Retry(max=1))
    async def odd(fails: bool) -> None:
        if fails:
            raise ValueError(fails)

    @q.job(queue="mail")
    async def send() -> None: ...

    before = samples(await q.prometheus())
    assert before["mizzen_queue_workers",] == 0
    assert before["mizzen_queue_enqueued_total",] == 0
    await q.pause("mail")
    await send().enqueue()
    await send().enqueue(delay="1h")
    async with q.worker():
        handles = await q.enqueue_many([odd(True), odd(False)])
        await handles[1].result(timeout=5)
        await q.handle(handles[1].id).result(timeout=5)
        during = samples(await q.prometheus())
        assert during["mizzen_queue_workers",] == 1
    after = samples(await q.prometheus())
    assert after["mizzen_queue_jobs", ODD, "done"] == 1
    assert after["mizzen_queue_jobs", ODD, "dead"] == 1
    assert after["mizzen_queue_jobs", ODD, "queued"] == 0
    assert after["mizzen_queue_jobs", "mail", "queued"] == 1
    assert after["mizzen_queue_jobs", "mail", "scheduled"] == 1
    assert 0 < after["mizzen_queue_oldest_queued_seconds", "mail"] < 60
    assert after["mizzen_queue_oldest_queued_seconds", ODD] == 0
    assert after["mizzen_queue_paused", "mail"] == 1
    assert after["mizzen_queue_enqueued_total",] == 4
    assert after["mizzen_queue_succeeded_total",] == 1
    assert after["mizzen_queue_failed_total",] == 1
    for outcome in ("succeeded", "failed"):
        assert after["mizzen_queue_attempt_seconds_count", ODD, outcome] == 1
        assert after["mizzen_queue_attempt_seconds_bucket", ODD, outcome, "+Inf"] == 1
        assert 0 <= after["mizzen_queue_attempt_seconds_sum", ODD, outcome] < 5


async def test_buckets_add_up() -> None:
    async with Queue() as q:

        @q.job
        async def quick(n: int) -> int:
            return n

        await q.prometheus()
        async with q.worker():
            for handle in await q.enqueue_many([quick(n) for n in range(20)]):
                await handle.result(timeout=5)
        told = samples(await q.prometheus())
        counts = [
            count
            for (name, *_), count in told.items()
            if name == "mizzen_queue_attempt_seconds_bucket"
        ]
        assert counts == sorted(counts)
        assert counts[-1] == 20

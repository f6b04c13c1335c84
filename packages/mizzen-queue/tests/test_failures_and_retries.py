from __future__ import annotations

import asyncio
import time

import pytest

from mizzen.queue import Event, GiveUp, JobFailed, Queue, Retry, current_job

QUICK = Retry(max=3, base="10ms", jitter=0)


async def test_a_failing_job_is_retried_and_then_dead(q: Queue) -> None:
    told: list[str] = []
    for name in ("failed", "retried", "dead"):
        q.on(name, lambda event: told.append(f"{event.name} {event.job.attempt}"))

    @q.job(retry=QUICK)
    async def fail(text: str) -> None:
        raise ValueError(text)

    handle = await fail("no\nway \0").enqueue()
    async with q.worker():
        with pytest.raises(JobFailed, match="after 3 attempts: ValueError: no way") as caught:
            await handle.result(timeout=5)
    assert "raise ValueError(text)" in caught.value.traceback
    assert told == ["failed 1", "retried 1", "failed 2", "retried 2", "failed 3", "dead 3"]
    assert await handle.status() == "dead"


async def test_a_dead_job_can_be_retried_by_hand(q: Queue) -> None:
    broken = True

    @q.job(retry=Retry(max=1))
    async def fragile() -> str:
        if broken:
            raise RuntimeError
        return "mended"

    handle = await fragile().enqueue()
    async with q.worker():
        with pytest.raises(JobFailed):
            await handle.result(timeout=5)
        broken = False
        assert await q.retry(handle.id)
        assert await handle.result(timeout=5) == "mended"
    assert not await q.retry(handle.id)


async def test_give_up_ends_it_at_once(q: Queue) -> None:
    @q.job
    async def hopeless() -> None:
        raise GiveUp("the account is closed")

    async with q.worker():
        with pytest.raises(JobFailed, match="after 1 attempts: GiveUp: the account is closed"):
            await (await hopeless().enqueue()).result(timeout=5)


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("even my message fails")


@pytest.mark.parametrize(
    "error",
    [
        SystemExit(3),
        KeyboardInterrupt(),
        GeneratorExit(),
        asyncio.CancelledError(),
        BaseExceptionGroup("many", [SystemExit(1)]),
        StopIteration(1),
        Unprintable(),
        ValueError("half a pair: \ud800"),
    ],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("plain", [False, True], ids=["async", "plain"])
async def test_no_error_of_a_job_harms_its_worker(
    q: Queue, error: BaseException, plain: bool
) -> None:
    if plain:

        @q.job(name="bad", retry=Retry(max=1))
        def bad_plain() -> None:
            raise error

        call = bad_plain()
    else:

        @q.job(name="bad", retry=Retry(max=1))
        async def bad() -> None:
            raise error

        call = bad()

    @q.job
    async def good() -> int:
        return 1

    async with q.worker(concurrency=1) as worker:
        with pytest.raises(JobFailed):
            await (await call.enqueue()).result(timeout=5)
        assert await (await good().enqueue()).result(timeout=5) == 1
        assert worker.state == "running"


async def test_a_job_that_cancels_its_own_task_only_fails(q: Queue) -> None:
    @q.job(retry=Retry(max=1))
    async def suicidal() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)

    @q.job
    async def good() -> int:
        return 1

    async with q.worker(concurrency=1):
        with pytest.raises(JobFailed, match="CancelledError"):
            await (await suicidal().enqueue()).result(timeout=5)
        assert await (await good().enqueue()).result(timeout=5) == 1


async def test_an_attempt_past_its_timeout_is_cancelled_and_retried(q: Queue) -> None:
    @q.job(timeout="50ms", retry=QUICK)
    async def slow() -> int:
        if current_job().attempt < 3:
            await asyncio.sleep(30)
        return current_job().attempt

    async with q.worker():
        assert await (await slow().enqueue()).result(timeout=5) == 3


async def test_a_plain_function_past_its_timeout_counts_as_failed(q: Queue) -> None:
    @q.job(timeout="50ms", retry=Retry(max=1))
    def slow() -> None:
        time.sleep(0.4)

    async with q.worker():
        with pytest.raises(JobFailed, match=r"longer than 0\.05 s"):
            await (await slow().enqueue()).result(timeout=5)


async def test_an_unknown_kind_stays_queued_until_it_is_known(q: Queue) -> None:
    @q.job(name="later")
    async def later() -> int:
        return 7

    handle = await later().enqueue()
    del q.jobs["later"]

    @q.job
    async def other() -> int:
        return 1

    async with q.worker():
        assert await (await other().enqueue()).result(timeout=5) == 1
        assert await handle.status() == "queued"

        @q.job(name="later")
        async def now_known() -> int:
            return 8

        assert await handle.result(timeout=5) == 8


async def test_stored_arguments_that_no_longer_fit_are_dead_at_once(q: Queue) -> None:
    @q.job(name="send")
    async def old(to: str, cc: str) -> None: ...

    handle = await old("a", "b").enqueue()

    @q.job(name="send")
    async def new(to: str) -> None: ...

    async with q.worker():
        with pytest.raises(JobFailed, match=r"don't fit the function any more.*cc"):
            await handle.result(timeout=5)
    assert (await handle.record()).attempt == 1


def test_pauses_double_up_to_the_cap_with_jitter() -> None:
    retry = Retry(base="1s", cap="1m", jitter=0.5)
    assert [retry.pause(n, lambda: 0.5) for n in (1, 2, 3, 7, 5000)] == [1, 2, 4, 60, 60]
    assert retry.pause(3, lambda: 0.0) == 2
    assert retry.pause(3, lambda: 1.0) == 6
    assert retry.pause(9, lambda: 1.0) == 60


@pytest.mark.parametrize("bad", [{"max": 0}, {"jitter": 2}, {"base": "soon"}, {"cap": -1}])
def test_a_retry_that_makes_no_sense_is_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"."):
        Retry(**bad)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def test_failed_events_carry_the_error(q: Queue) -> None:
    seen: list[Event] = []
    q.on("dead", seen.append)

    @q.job(retry=Retry(max=1))
    async def fail() -> None:
        raise LookupError("gone")

    async with q.worker():
        with pytest.raises(JobFailed):
            await (await fail().enqueue()).result(timeout=5)
    assert seen[0].error == "LookupError: gone"
    assert seen[0].seconds is not None

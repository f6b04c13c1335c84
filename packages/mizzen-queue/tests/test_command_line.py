# ruff: noqa: ASYNC110  (what is polled is a store, or a process: neither has an event for it)

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from typing import TYPE_CHECKING, Any

import pytest

from mizzen.queue import Queue, QueueError, Retry
from mizzen.queue._command import load, main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("nothing", "write module:queue"),
        ("no_such_module_here:q", "there is no module"),
        ("json:q", "json has no 'q'"),
        ("json:dumps", r"is no mizzen\.queue\.Queue"),
    ],
)
def test_a_wrong_target_is_explained_in_one_line(
    target: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(QueueError, match=message):
        load(target)
    assert main(["worker", target]) == 1
    assert capsys.readouterr().err.startswith("mizzen-queue: ")


async def test_a_worker_starts_works_and_stops_at_ctrl_c(
    tmp_path: Path, child: Callable[..., Any]
) -> None:
    (tmp_path / "app.py").write_text(
        "from mizzen.queue import Queue\n"
        "q = Queue('sqlite:///app.db')\n"
        "@q.job(queue='mail')\n"
        "async def send(to: str) -> None: print('sent to', to, flush=True)\n"
    )
    (tmp_path / "produce.py").write_text(
        "import asyncio\n"
        "from app import q, send\n"
        "async def main():\n"
        "    async with q: await send('ann').enqueue()\n"
        "asyncio.run(main())\n"
    )
    worker = await child("worker", "app:q", "--queue", "mail", "--concurrency", "2").start()
    assert "sqlite:///app.db, 1 kinds" in await worker.line("working on")
    producer = await asyncio.create_subprocess_exec(sys.executable, "produce.py", cwd=tmp_path)
    assert await producer.wait() == 0
    await worker.line("sent to ann")
    assert await worker.end(signal.SIGINT) == 0


APP = """
import asyncio, os
from mizzen.queue import Queue, Retry
q = Queue(os.environ.get("QUEUE_URL", "sqlite:///app.db"))

@q.job
async def one() -> int:
    return 1

@q.job
async def long() -> None:
    print("long started", flush=True)
    await asyncio.sleep(60)

@q.job
async def brief() -> int:
    print("pid", os.getpid(), flush=True)
    await asyncio.sleep(0.7)
    return os.getpid()

@q.job(retry=Retry(max=2, base="1ms"))
async def poison() -> None:
    os._exit(7)
"""


@pytest.fixture
def app(tmp_path: Path) -> str:
    """The URL of the queue of a module `app`."""
    (tmp_path / "app.py").write_text(APP)
    return f"sqlite:///{tmp_path}/app.db"


def define(q: Queue) -> Any:
    """The same jobs for the process that only enqueues."""

    @q.job
    async def one() -> int:
        raise NotImplementedError

    @q.job
    async def long() -> None:
        raise NotImplementedError

    @q.job(retry=Retry(max=2))
    async def poison() -> None:
        raise NotImplementedError

    return one, long, poison


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("processes", [None, "1"])
async def test_the_second_signal_lets_go_of_running_jobs(
    app: str, child: Callable[..., Any], processes: str | None, number: signal.Signals
) -> None:
    several = ["--processes", processes] if processes else []
    async with Queue(app) as q:
        _, long, _ = define(q)
        handle = await long().enqueue()
        worker = await child("worker", "app:q", "--grace", "60s", *several).start()
        await worker.line("long started")
        worker.process.send_signal(number)
        await worker.line("draining")
        assert await handle.status() == "running"
        assert await worker.end(number) == 0
        record = await q.store.find(handle.id)
        assert record is not None
        assert (record.status, record.attempt) == ("queued", 0)


async def test_a_signal_to_the_whole_group_counts_once(app: str, child: Callable[..., Any]) -> None:
    async with Queue(app) as q:

        @q.job
        async def brief() -> int:
            raise NotImplementedError

        handle = await brief().enqueue()
        worker = await child("worker", "app:q", "--processes", "1", "--grace", "60s").start()
        pid = int((await worker.line("pid")).split()[1])
        os.kill(pid, signal.SIGTERM)
        assert await worker.end(signal.SIGTERM) == 0
        assert await handle.result(timeout=5) == pid


async def test_a_worker_ends_when_nothing_is_left(app: str, child: Callable[..., Any]) -> None:
    async with Queue(app) as q:
        one, long, _ = define(q)
        handles = await q.enqueue_many([one() for _ in range(50)])
        later = await long().enqueue(delay="1h")
        worker = await child("worker", "app:q", "--until-empty", "--processes", "2").start()
        async with asyncio.timeout(20):
            await worker.process.communicate()
        assert worker.process.returncode == 0
        assert {await handle.status() for handle in handles} == {"done"}
        assert await later.status() == "scheduled"


async def started(worker: Any, count: int) -> None:
    for _ in range(count):
        await worker.line("working on")


async def test_workers_are_started_again_and_stopped_together(
    app: str, child: Callable[..., Any]
) -> None:
    async with Queue(app) as q:
        one, _, poison = define(q)
        worker = await child("worker", "app:q", "--processes", "2").start()
        await started(worker, 2)
        handle = await poison().enqueue()
        await worker.line("ended with status 7: another one starts")
        await worker.line("ended with status 7: another one starts")
        async with asyncio.timeout(20):
            while await handle.status() != "dead":
                await asyncio.sleep(0.01)
        assert await (await one().enqueue()).result(timeout=20) == 1
        assert await worker.end(signal.SIGTERM) == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "store",
    [
        "sqlite",
        pytest.param(
            "postgres", marks=[pytest.mark.extra("psycopg"), pytest.mark.extra("mizzen.testing")]
        ),
    ],
)
async def test_workers_end_in_order_when_their_supervisor_is_killed(
    app: str, store: str, child: Callable[..., Any], request: pytest.FixtureRequest
) -> None:
    url = app if store == "sqlite" else str(request.getfixturevalue("postgres_url"))
    async with Queue(url) as q:
        _, long, _ = define(q)
        handle = await long().enqueue()
        worker = await child(
            "worker", "app:q", "--processes", "2", "--grace", "10ms", QUEUE_URL=url
        ).start()
        await worker.line("long started")
        worker.process.kill()
        await started_draining(worker)
        async with asyncio.timeout(20):
            # They hold the other end of the pipe until they have ended.
            await worker.process.communicate()
        assert await handle.status() == "queued"


async def started_draining(worker: Any) -> None:
    for _ in range(2):
        await worker.line("draining")


async def test_what_cannot_start_is_not_tried_for_ever(
    tmp_path: Path, child: Callable[..., Any]
) -> None:
    (tmp_path / "app.py").write_text("1 / 0")
    worker = await child("worker", "app:q", "--processes", "2").start()
    await worker.line("ZeroDivisionError")
    async with asyncio.timeout(20):
        await worker.process.communicate()
    assert worker.process.returncode == 1


def test_no_process_is_too_few(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["worker", "app:q", "--processes", "0"]) == 1
    assert "there must be at least one" in capsys.readouterr().err


async def test_a_worker_that_fails_ends_its_process(
    tmp_path: Path, child: Callable[..., Any]
) -> None:
    (tmp_path / "app.py").write_text(
        f"{APP}\nasync def step(*_): raise ZeroDivisionError('a bug')\nq.store.step = step\n"
    )
    worker = await child("worker", "app:q").start()
    await worker.line("had stopped: a bug")
    async with asyncio.timeout(20):
        await worker.process.communicate()
    assert worker.process.returncode == 1


def test_operators_look_and_act(
    app: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def prepare() -> tuple[int, int]:
        async with Queue(app) as q:
            one, long, _ = define(q)
            first, second = await one().enqueue(), await long().enqueue(delay="1h")
            await second.cancel()
            return first.id, second.id

    def said() -> str:
        return re.sub(r"[ ,]+", " ", capsys.readouterr().out)

    waiting, cancelled = asyncio.run(prepare())
    assert main(["pause", app, "mail"]) == 0
    assert main(["counts", app]) == 0
    out = said()
    assert "queued 1\n" in out
    assert "cancelled 1\n" in out
    assert "paused: mail\n" in out
    assert main(["resume", app, "mail"]) == 0
    assert main(["retry", app, str(cancelled)]) == 0
    assert main(["cancel", app, str(waiting)]) == 0
    said()
    assert main(["counts", app]) == 0
    out = said()
    assert "queued 1\n" in out
    assert "cancelled 1\n" in out
    assert "paused" not in out
    assert main(["retry", app, "99"]) == 1
    assert main(["cancel", app, str(waiting)]) == 1
    err = capsys.readouterr().err
    assert "job 99 is neither dead nor cancelled" in err
    assert "has ended, or is unknown" in err
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [os.fspath(tmp_path), *sys.path])
    assert main(["counts", "app:q"]) == 0
    sys.modules.pop("app")

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

import pytest

from mizzen.queue import QueueError
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
    import asyncio
    import sys

    producer = await asyncio.create_subprocess_exec(sys.executable, "produce.py", cwd=tmp_path)
    assert await producer.wait() == 0
    await worker.line("sent to ann")
    assert await worker.end(signal.SIGINT) == 0

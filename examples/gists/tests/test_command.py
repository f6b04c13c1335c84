"""`mizzen demo` in a process of its own: where it is, what goes wrong, and how it ends."""

from __future__ import annotations

import re
import signal
import socket
import sqlite3
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DEMO = ("-m", "mizzen.app", "demo", "--no-browser", "--port", "0", "--data")
ADDRESS = re.compile(r"Gists is running:\s+(http://\S+)")


async def test_it_says_where_it_is_who_to_be_and_where_its_data_lies(
    tmp_path: Path, worker_process: Callable[..., Any]
) -> None:
    demo = worker_process(*DEMO, tmp_path / "data")
    url = (await demo.wait_for(ADDRESS, 30))[1]
    password = (await demo.wait_for(re.compile(r"demo / (\S+)")))[1]
    await demo.wait_for(f"Its data lies in:   {tmp_path / 'data'}")
    async with httpx.AsyncClient(base_url=url, follow_redirects=True) as browser:
        page = await browser.post("/login", data={"login": "demo", "password": password})
        assert "Log out" in page.text
        assert (await browser.get("/health/ready")).json() == {"ok": True}


async def test_ctrl_c_drains_and_stops_in_less_than_five_seconds(
    tmp_path: Path, worker_process: Callable[..., Any]
) -> None:
    demo = worker_process(*DEMO, tmp_path)
    await demo.wait_for(ADDRESS, 30)
    begun = time.monotonic()
    demo.send_signal(signal.SIGINT)
    assert await demo.wait(10) == 0
    assert time.monotonic() - begun < 5
    assert "Traceback" not in demo.output


async def test_killed_in_the_middle_and_started_again_it_loses_and_doubles_no_file(
    tmp_path: Path, worker_process: Callable[..., Any]
) -> None:
    demo = worker_process(*DEMO, tmp_path)
    for _ in range(3):
        url = (await demo.wait_for(ADDRESS, 30))[1]
        await reach(url, more=20)
        demo.kill()
        demo.start()
    url = (await demo.wait_for(ADDRESS, 30))[1]
    total = await reach(url, more=100_000)
    demo.terminate()
    assert await demo.wait(10) == 0
    with sqlite3.connect(tmp_path / "gists.db") as database:
        sources = {path for (path,) in database.execute("SELECT path FROM sources")}
        stored = [title for (title,) in database.execute("SELECT source FROM gists")]
        files = database.execute("SELECT count(*) FROM files").fetchone()[0]
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()
    assert len(sources) == total
    assert sorted(stored) == sorted(sources)
    assert files == total


async def reach(url: str, *, more: int) -> int:
    """Wait until so many more files are imported, or all; return the total."""
    counted = re.compile(r"data-import-done>(\d+)<.*?data-import-total>(\d+)<", re.S)
    async with httpx.AsyncClient() as browser:
        begun: int | None = None
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            found = counted.search((await browser.get(url)).text)
            assert found
            done, total = int(found[1]), int(found[2])
            begun = done if begun is None else begun
            if done >= min(total, begun + more):
                return total
    raise TimeoutError("the import did not get there within a minute")


async def test_a_port_in_use_is_a_sentence(
    tmp_path: Path, worker_process: Callable[..., Any]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        demo = worker_process(
            "-m", "mizzen.app", "demo", "--no-browser", "--port", str(port), "--data", tmp_path
        )
        assert await demo.wait(30) == 1
    assert f"port {port} on 127.0.0.1 is in use" in demo.output
    assert "Traceback" not in demo.output


async def test_a_folder_that_cannot_be_written_is_a_sentence(
    tmp_path: Path, worker_process: Callable[..., Any]
) -> None:
    (tmp_path / "file").write_text("in the way")
    demo = worker_process(*DEMO, tmp_path / "file" / "data")
    assert await demo.wait(30) == 1
    assert "can't be written" in demo.output
    assert "--data DIR" in demo.output
    assert "Traceback" not in demo.output


async def test_a_damaged_database_is_a_sentence_and_stays_as_it_is(
    tmp_path: Path, worker_process: Callable[..., Any]
) -> None:
    (tmp_path / "gists.db").write_bytes(b"this was a database once" * 400)
    demo = worker_process(*DEMO, tmp_path)
    assert await demo.wait(30) == 1
    assert "gists.db" in demo.output
    assert "Traceback" not in demo.output
    assert (tmp_path / "gists.db").read_bytes().startswith(b"this was")


@pytest.mark.parametrize("words", [["--port", "http"], ["--nonsense"]])
async def test_a_misused_option_is_explained(
    words: list[str], worker_process: Callable[..., Any]
) -> None:
    demo = worker_process("-m", "mizzen.app", "demo", *words)
    assert await demo.wait(30) == 2
    assert "usage: mizzen demo" in demo.output

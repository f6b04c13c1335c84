"""The disk fills up in the middle of the import."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from .conftest import Demo

SOURCES = 16
SMALL, LARGE = 3_000_000, 200_000_000


class RealDisk:
    """A small file system of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.options = folder, dict[str, Any]()

    def grow(self) -> None:
        """Make room."""
        remount = ["mount", "-o", f"remount,size={LARGE}", str(self.folder)]
        subprocess.run(remount, check=True)


class LimitedFiles:
    """Where nothing may be mounted: files that can't grow beyond a size."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.options = folder, dict[str, Any](max_file_size=SMALL // 4)

    def grow(self) -> None:
        """Make room."""
        self.options.clear()


@pytest.fixture
def small_disk(tmp_path: Path) -> Generator[RealDisk | LimitedFiles]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SMALL}", "tmpfs", str(folder)]
    linux = sys.platform == "linux"
    if not linux or subprocess.run(mount, capture_output=True).returncode:
        yield LimitedFiles(folder)
        return
    yield RealDisk(folder)
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


async def test_a_full_disk_is_said_reads_go_on_and_with_room_the_rest_is_imported(
    demo: Callable[..., Demo], small_disk: RealDisk | LimitedFiles
) -> None:
    full = demo(small_disk.folder / "data", sources=SOURCES, **small_disk.options)
    async with full.browser() as browser:
        await full.process.wait_for("gists.db", 20)  # … is full, or can't grow
        while (said := await browser.get("/health/detailed")).status_code == 200:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        assert "gists.db" in said.text
        assert (await browser.get("/")).status_code == 200
        assert (await browser.get("/search", params={"q": "import"})).status_code == 200
        sign_up = {"username": "ann", "email": "a@b.example", "password": "a long passphrase"}
        assert (await browser.post("/signup", data=sign_up)).status_code in (303, 503)
    assert await full.stopped(signal.SIGTERM) == 0
    assert "Traceback" not in full.output

    small_disk.grow()
    again = demo(small_disk.folder / "data", sources=SOURCES, **small_disk.options)
    assert await again.imported() == SOURCES
    assert await again.stopped(signal.SIGTERM) == 0
    again.assert_each_source_once()

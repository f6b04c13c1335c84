"""A data folder that somebody else has had their hands in."""

from __future__ import annotations

import shutil
import signal
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Demo


def write_newer_migration(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "gists.db")) as database, database:
        database.execute(
            "INSERT INTO mizzen_migration SELECT '29990101000000', message, checksum, state, "
            "progress, changed_at FROM mizzen_migration LIMIT 1"
        )


def cut_the_database_in_half(folder: Path) -> None:
    with (folder / "gists.db").open("r+b") as file:
        file.truncate((folder / "gists.db").stat().st_size // 2)


def make_the_database_read_only(folder: Path) -> None:
    with (folder / "gists.db").open("r+b") as file:
        file.seek(18)
        file.write(b"\3")  # "may be written by SQLite of a later format"; root heeds no file mode


def put_a_folder_in_the_place_of_the_database(folder: Path) -> None:
    (folder / "gists.db").unlink()
    (folder / "gists.db").mkdir()


def put_a_file_in_the_place_of_the_assets(folder: Path) -> None:
    shutil.rmtree(folder / "assets")
    (folder / "assets").write_text("in the way")


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (write_newer_migration, "newer version of the program"),
        (cut_the_database_in_half, "damaged"),
        (make_the_database_read_only, "readonly"),
        (put_a_folder_in_the_place_of_the_database, "gists.db"),
        (put_a_file_in_the_place_of_the_assets, "move it away"),
    ],
)
async def test_what_can_not_be_used_is_a_sentence(
    damage: Callable[[Path], None],
    sentence: str,
    demo: Callable[..., Demo],
    used_folder: Path,
) -> None:
    damage(used_folder)
    refused = demo(used_folder)
    assert await refused.process.wait(30) == 1
    assert sentence in refused.output
    assert "Traceback" not in refused.output
    assert len(refused.output.strip().splitlines()) == 1


async def test_what_can_be_made_again_is_made_again(
    demo: Callable[..., Demo], used_folder: Path
) -> None:
    (used_folder / "demo-login.json").write_bytes(b"\xff no note")
    (used_folder / "cache.db").write_bytes(b"no database" * 1000)
    for built in (used_folder / "assets").iterdir():
        if built.is_file():
            built.write_bytes(b"\xff no asset")
    mended = demo(used_folder)
    async with mended.browser(logged_in=True) as browser:
        page = (await browser.get("/")).text
        style = page.partition('rel="stylesheet" href="')[2].partition('"')[0]
        assert "no asset" not in (await browser.get(style)).text
        assert (await browser.get("/health")).status_code == 200


async def test_a_lane_file_that_vanishes_while_it_runs_stops_nobody(
    demo: Callable[..., Demo], used_folder: Path
) -> None:
    running = demo(used_folder, sources=2)
    async with running.browser(logged_in=True) as browser:
        (running.folder / "gists.db.lane").unlink()
        second = demo(
            used_folder, sources=2
        )  # takes its turns at another lane file now: SQLite's own locks decide
        async with second.browser(logged_in=True) as other:
            form = {"title": "Mine", "name": "a.py", "content": "x = 1"}
            for one in (browser, other) * 5:
                assert (await one.post("/gists", data=form)).status_code == 303
        assert await second.stopped(signal.SIGTERM) == 0
    assert await running.stopped(signal.SIGTERM) == 0
    assert "Traceback" not in running.output + second.output
    running.assert_each_source_once()

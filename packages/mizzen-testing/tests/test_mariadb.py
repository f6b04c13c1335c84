"""A real MariaDB, where this machine has one."""

from __future__ import annotations

import subprocess
from urllib.parse import urlsplit

import pytest

import mizzen.testing
from mizzen.testing import _find


def ask(url: str, statement: str, password: str | None = None) -> subprocess.CompletedProcess[str]:
    client = _find.program("mariadb", "mysql")
    address = urlsplit(url)
    return subprocess.run(
        [
            str(client),
            "--no-defaults",
            "--skip-column-names",
            f"--host={address.hostname}",
            f"--port={address.port}",
            f"--user={address.username}",
            f"--database={address.path.strip('/')}",
            f"--execute={statement}",
        ],
        env={"MYSQL_PWD": password or str(address.password)},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("which", ["first", "second"])
def test_each_test_has_an_empty_database(mariadb_url: str, which: str) -> None:
    made = ask(mariadb_url, f"CREATE TABLE only_mine (name text); SELECT '{which}'")
    assert made.stdout == f"{which}\n", made.stderr


def test_only_the_password_opens_the_server(mariadb_url: str) -> None:
    assert "Access denied" in ask(mariadb_url, "SELECT 1", password="guess").stderr
    root = mariadb_url.replace("//mizzen:", "//root:")
    assert "Access denied" in ask(root, "SELECT 1").stderr


@pytest.mark.usefixtures("own_servers")
def test_without_a_server_the_reason_names_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(*names: str) -> None:
        return None

    monkeypatch.setattr("mizzen.testing.servers.mariadb.program", nothing)
    with pytest.raises(mizzen.testing.ServerUnavailable, match="apt install mariadb-server"):
        mizzen.testing.mariadb().start()

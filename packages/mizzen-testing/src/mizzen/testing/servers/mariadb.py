"""MariaDB, from this machine: no wheel ships it."""

from __future__ import annotations

import re
import secrets
import socket
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit, urlunsplit

from .._account import account_for_servers
from .._daemon import Daemon, run_tool
from .._errors import ServerUnavailable
from .._find import program
from .._folder import make_folder
from .._template import copy_template
from ._server import Server

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from .._account import Account

SETTINGS = [
    "--bind-address=127.0.0.1",
    "--skip-name-resolve",
    "--skip-log-bin",
    "--character-set-server=utf8mb4",
    "--collation-server=utf8mb4_unicode_ci",
    "--default-time-zone=+00:00",
    # The data dies with the server, so that nothing needs to reach the disk in any order.
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-flush-method=nosync",
    "--innodb-doublewrite=0",
    "--innodb-buffer-pool-size=32M",
]


class MariaDB(Server):
    """A MariaDB server; `url` names no database that tests should write to."""

    kind = "MariaDB"
    variable = "MIZZEN_TEST_MARIADB_URL"

    @contextmanager
    def fresh(self) -> Generator[str]:
        """Give the URL of an empty database, dropped at the end."""
        name = f"mizzen_{secrets.token_hex(6)}"
        self._tell(f"CREATE DATABASE {name}")
        try:
            yield urlunsplit(urlsplit(self.url)._replace(path=f"/{name}"))
        finally:
            self._tell(f"DROP DATABASE IF EXISTS {name}")

    def _launch(self) -> str:
        server, install = find_server(), find_installer()
        find_client()
        account = account_for_servers()
        daemon = Daemon("mariadbd", make_folder("mariadb", account), account)
        version = run_tool([str(server), "--no-defaults", "--version"])
        make = partial(make_data, install, account)
        copy_template("mariadb", version, make, daemon.folder / "made", account)
        password = secrets.token_hex(16)
        users = write_users(daemon.folder / "users.sql", password, account)
        start = [str(server), "--no-defaults", f"--datadir={daemon.folder / 'made' / 'data'}"]
        start += [f"--socket={daemon.folder / 'socket'}", f"--init-file={users}", *SETTINGS]
        port = daemon.start_on_free_port(lambda port: [*start, f"--port={port}"], greets)
        self._daemon = daemon
        return f"mysql://mizzen:{password}@127.0.0.1:{port}/mysql"

    def _tell(self, statement: str) -> None:
        """Run one statement with the server's own client."""
        url = urlsplit(self.url)
        where = [f"--host={url.hostname}", f"--port={url.port or 3306}", "--protocol=tcp"]
        who = [f"--user={unquote(url.username)}"] if url.username else []
        # The list of processes is open to everybody, so that the password goes another way.
        environment = {"MYSQL_PWD": unquote(url.password)} if url.password else {}
        client = [str(find_client()), "--no-defaults", *where, *who]
        run_tool([*client, f"--execute={statement}"], environment=environment)


def find_server() -> Path:
    """Return the server's program; MySQL's own `mysqld` would not take our options."""
    if found := program("mariadbd"):
        return found
    raise missing("mariadbd")


def find_installer() -> Path:
    """Return the program that makes a data folder."""
    if found := program("mariadb-install-db"):
        return found
    raise missing("mariadb-install-db")


def find_client() -> Path:
    """Return the command line client, also needed for a server given by URL."""
    if found := program("mariadb", "mysql"):
        return found
    raise missing("the client mariadb")


def missing(what: str) -> ServerUnavailable:
    """Say what to install; there is no wheel to name."""
    return ServerUnavailable(
        f"No MariaDB here ({what} is not found): apt install mariadb-server, "
        f"or set {MariaDB.variable} to a server that the tests may use, and install its client."
    )


def make_data(install: Path, account: Account | None, folder: Path) -> None:
    """Make the system tables in `folder/data`."""
    options = ["--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"]
    run_tool([str(install), "--no-defaults", f"--datadir={folder / 'data'}", *options], account)


def write_users(path: Path, password: str, account: Account | None) -> Path:
    """Write the statements that the server runs before it listens: one user, with a password."""
    path.touch(mode=0o600)
    statements = [
        "DELETE FROM mysql.global_priv WHERE User <> 'mariadb.sys'",
        "FLUSH PRIVILEGES",
        f"CREATE USER 'mizzen'@'127.0.0.1' IDENTIFIED BY '{password}'",
        "GRANT ALL PRIVILEGES ON *.* TO 'mizzen'@'127.0.0.1' WITH GRANT OPTION",
    ]
    path.write_text("".join(f"{statement};\n" for statement in statements))
    if account is not None:
        account.own(path)
    return path


def greets(port: int) -> bool:
    """Tell whether a server's greeting comes from this port: it does once the users are made."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            return re.search(rb"mariadb", connection.recv(256), re.IGNORECASE) is not None
    except OSError:
        return False

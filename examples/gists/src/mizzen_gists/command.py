"""`mizzen demo`: start the demonstration, say where it is, and stop it cleanly."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import sys
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mizzen.app import App


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
    from mizzen.app import stop_signals

    from .application import build

    app = build(folder, everything=chosen.all)
    with stop_signals() as signalled:
        server = await app.serve(port=chosen.port)
        password = await demo_login(app, folder)
        print(
            f"\n  Gists is running:   {server.url}\n"
            f"  Log in as:          demo / {password}\n"
            f"  Its data lies in:   {folder}\n\n"
            "  Ctrl-C stops it; the same folder goes on where it stopped.\n",
            flush=True,
        )
        if not chosen.no_browser and has_display():
            await asyncio.to_thread(webbrowser.open, server.url)
        await signalled()
    print("Stopping …", flush=True)
    await server.aclose()


async def demo_login(app: App, folder: Path) -> str:
    """Return the password of the user `demo`, made at the first start and kept in the folder."""
    note = folder / "demo-login.json"
    if await app.auth.find("demo") and note.exists():
        return str(json.loads(note.read_text())["password"])
    password = "-".join(secrets.token_hex(2) for _ in range(3))
    note.touch(mode=0o600)
    note.write_text(json.dumps({"username": "demo", "password": password}) + "\n")
    await app.auth.register(
        email="demo@gists.example", username="demo", name="Demo", password=password
    )
    return password


def has_display() -> bool:
    """Tell whether a browser would open as a window, and not in this terminal."""
    windowed = sys.platform in ("darwin", "win32")
    return windowed or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))

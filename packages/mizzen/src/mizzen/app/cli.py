"""The `mizzen` command: serve, work, migrate and look at an application.

Other packages add commands through the entry point group `mizzen.commands`: a callable that takes
the remaining arguments and returns an exit status.
"""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from importlib.metadata import entry_points, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

# Own commands by name: the module that runs it, and a line for `--help`. Imported when asked for.
COMMANDS = {
    "server": "serve an app: `mizzen server shop:app [--host H] [--port N]`",
    "worker": "run an app's jobs, without serving: `mizzen worker shop:app [--concurrency N]`",
    "db": "migrate: `mizzen db shop:app status|make|up|down`",
    "routes": "list an app's routes",
    "config": "show an app's settings, secrets masked",
}

# Commands that an extra brings.
EXTRAS = {"demo": "mizzen[demo]"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status: 0 well, 1 failed, 2 misused."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    added = {entry.name: entry for entry in entry_points(group="mizzen.commands")}
    if not words or words[0] in ("-h", "--help", "help"):
        print(usage(sorted(added)))
        return 0 if words else 2
    if words[0] in ("-V", "--version"):
        print(f"mizzen {version('mizzen')}")
        return 0
    name, rest = words[0], words[1:]
    try:
        if name in COMMANDS:
            command: Any = import_module(f"mizzen.app._commands.{name}").run
            return int(command(rest))
        if name in added:
            command = added[name].load()
            return int(command(rest) or 0)
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if "--traceback" in rest:
            raise
        print(f"mizzen {name}: {in_words(error)}", file=sys.stderr)
        return 1
    hint = f"; it comes with: pip install '{EXTRAS[name]}'" if name in EXTRAS else ""
    print(f"mizzen: there is no command `{name}`{hint}", file=sys.stderr)
    return 2


def in_words(error: Exception) -> str:
    """Return what an error says; one that nobody worded, with its kind and the way to its place."""
    if type(error).__module__.partition(".")[0].startswith("mizzen"):
        return str(error)
    return f"{type(error).__name__}: {error}  (--traceback shows where)"


def usage(added: list[str]) -> str:
    """Return the help text."""
    lines = ["usage: mizzen COMMAND …", ""]
    lines += [f"  {name:<8}{what}" for name, what in COMMANDS.items()]
    lines += [f"  {name:<8}from an installed package; see `mizzen {name} --help`" for name in added]
    return "\n".join(lines)


def parser(name: str, **more: Any) -> argparse.ArgumentParser:
    """Return the parser of a command that works on an app."""
    made = argparse.ArgumentParser(prog=f"mizzen {name}", **more)
    made.add_argument("app", help="where the app is: `module:name`, or `module` for `module:app`")
    made.add_argument("--traceback", action="store_true", help="show where an error comes from")
    return made

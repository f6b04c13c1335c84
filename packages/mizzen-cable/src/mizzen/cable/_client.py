"""Where the browser client lies."""

from __future__ import annotations

from pathlib import Path


def client_path() -> Path:
    """Return the path of `cable.ts`, the browser client, for a bundler's alias."""
    return Path(__file__).with_name("client") / "cable.ts"

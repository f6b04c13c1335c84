"""`mizzen config module:app`: the settings that are in force, secrets masked."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec

from .._locate import locate
from ..cli import parser

SECRET = re.compile(r"secret|token|password|key", re.I)


def run(arguments: list[str]) -> int:
    """Show them."""
    app = locate(parser("config").parse_args(arguments).app)
    print(json.dumps(masked(msgspec.to_builtins(app.settings)), indent=2))
    return 0


def masked(value: Any, name: str = "") -> Any:
    """Return *value* without what must not be shown: secrets, and passwords in URLs."""
    if value and SECRET.search(name):
        return "***"
    if isinstance(value, dict):
        return {key: masked(part, key) for key, part in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if isinstance(value, list):
        return [masked(part) for part in value]  # pyright: ignore[reportUnknownVariableType]
    return (
        re.sub(r"://([^:/@]*):[^@/]*@", r"://\1:***@", value) if isinstance(value, str) else value
    )

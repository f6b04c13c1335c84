"""What is shown of stored JSON: readable, bounded, and without what looks like a secret."""

from __future__ import annotations

import json
import re
from typing import Any, cast

HIDDEN = "•••"
_LONGEST = 20_000
# Anywhere in a name, or as a word of its own (`key` in `api_key` and `sshKey`, not in `keyboard`).
_PARTS = re.compile(
    r"passw|passphrase|secret|token|authori[sz]ation|credential|api_?key|private|signature|cookie",
    re.IGNORECASE,
)
_WORDS = frozenset({"key", "keys", "pwd", "auth", "pin", "otp", "session", "jwt", "bearer"})
_IN_URL = re.compile(r"(://[^/@:\s]*):[^/@\s]+@")
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+")


def is_secret(name: str) -> bool:
    """Whether what has this name is better not shown."""
    if _PARTS.search(name):
        return True
    return any(word.lower() in _WORDS for word in _WORD.findall(name))


def redacted(value: Any) -> Any:
    """*value* with what looks like secrets hidden: by name in objects and pairs, and in URLs."""
    if isinstance(value, dict):
        known = cast("dict[str, Any]", value)
        return {
            name: HIDDEN if is_secret(name) and inner is not None else redacted(inner)
            for name, inner in known.items()
        }
    if isinstance(value, list):
        items: list[Any] = [*value]  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        if len(items) == 2 and isinstance(items[0], str) and is_secret(items[0]):
            return [items[0], HIDDEN]
        return [redacted(item) for item in items]
    if isinstance(value, str):
        return without_passwords(value)
    return value


def without_passwords(text: str) -> str:
    """*text* without the passwords of the URLs in it."""
    return _IN_URL.sub(rf"\1:{HIDDEN}@", text)


def pretty(stored: str) -> str:
    """Stored JSON as it may be shown."""
    try:
        shown = json.dumps(redacted(json.loads(stored)), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return "(can't be shown: it is no JSON, or nested too deeply)"
    return shortened(shown)


def shortened(text: str) -> str:
    """*text*, or its beginning and its end."""
    if len(text) <= _LONGEST:
        return text
    half = _LONGEST // 2
    left_out = len(text) - 2 * half
    return f"{text[:half]}\n… {left_out:,} characters left out …\n{text[-half:]}"

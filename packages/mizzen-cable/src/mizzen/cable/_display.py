"""How a cable shows itself: one line of text, or a small escaped table of the same facts."""

from __future__ import annotations

from html import escape
from urllib.parse import urlsplit, urlunsplit


def masked(url: str) -> str:
    """Return a URL without its password and options."""
    parts = urlsplit(url)
    if not parts.netloc:
        return url.partition("?")[0]
    host = parts.netloc.rpartition("@")[2]
    user = (parts.username or "") if "@" in parts.netloc else None
    netloc = host if user is None else f"{user}:***@{host}"
    return urlunsplit((parts.scheme, netloc, parts.path, "", ""))


def line(facts: dict[str, object]) -> str:
    """Return the one-line repr."""
    shown = ", ".join(counted(value, name) for name, value in facts.items() if name != "broker")
    return f"<mizzen.cable.Cable {str(facts['broker']).rstrip(':')}: {shown}>"


def counted(value: object, name: str) -> str:
    """Return "1 topic", "2 topics", "1 delivery"."""
    if value == 1:
        name = name.removesuffix("ies") + "y" if name.endswith("ies") else name.removesuffix("s")
    return f"{value} {name}"


def table(facts: dict[str, object]) -> str:
    """Return the same facts as HTML."""
    rows = "".join(
        f"<tr><th style='text-align:left'>{escape(name)}</th><td>{escape(str(value))}</td></tr>"
        for name, value in facts.items()
    )
    return f"<table><caption>mizzen.cable.Cable</caption>{rows}</table>"

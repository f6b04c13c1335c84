"""One-line texts and small escaped tables."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._database import Database


def database_facts(database: Database) -> dict[str, str]:
    """Return what a database shows of itself; no I/O and no secrets."""
    facts = {"url": database.url, "state": "open" if database.started else "closed"}
    if database.started:
        facts |= {name.replace("_", " "): f"{value:g}" for name, value in database.stats().items()}
    return facts


def one_line(name: str, facts: dict[str, str]) -> str:
    """Return `<name first: fact, fact>`."""
    first, *others = facts.items()
    rest = ", ".join(
        value if key == "state" else f"{value} {key.removesuffix(' total')}"
        for key, value in others
    )
    return f"<{name} {first[1]}: {rest}>" if rest else f"<{name} {first[1]}>"


def html_table(name: str, facts: dict[str, str]) -> str:
    """Return the same facts as a table."""
    rows = "".join(
        f"<tr><th style='text-align:left'>{escape(key)}</th><td>{escape(value)}</td></tr>"
        for key, value in facts.items()
    )
    return f"<table><caption>{escape(name)}</caption>{rows}</table>"


def shortened(value: object, limit: int = 80) -> str:
    """Return *value*'s repr, cut at *limit* characters."""
    shown = repr(value)
    return shown if len(shown) <= limit else f"{shown[: limit - 1]}…"

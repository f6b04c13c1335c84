"""One-line texts and small escaped tables."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._core import Core


def database_facts(database: Core) -> dict[str, str]:
    """Return what a database shows of itself; no I/O and no secrets."""
    facts = {"url": database.url, "state": "open" if database.started else "closed"}
    if database.started:
        for name, value in database.stats().items():
            facts[readable(name)] = duration(value) if "seconds" in name else f"{value:,.10g}"
    return facts


def readable(name: str) -> str:
    """Return a counter's name as people say it: "lane wait" for lane_wait_seconds_total."""
    return name.removesuffix("_total").removesuffix("_seconds").replace("_", " ")


def duration(seconds: float) -> str:
    """Return a length of time with a unit that suits it."""
    if seconds < 0.001:
        return f"{seconds * 1e6:.0f} µs" if seconds else "0 s"
    return f"{seconds * 1e3:.3g} ms" if seconds < 1 else f"{seconds:,.3g} s"


def one_line(name: str, facts: dict[str, str]) -> str:
    """Return `<name first: fact, fact>`, with numbers before what they count."""
    (_key, first), *others = facts.items()
    rest = ", ".join(value if key == "state" else _said(key, value) for key, value in others)
    return f"<{name} {first}: {rest}>" if rest else f"<{name} {first}>"


def _said(key: str, value: str) -> str:
    if not value.replace(",", "").replace(".", "").isdigit():
        return f"{key} {value}"
    counted, space, more = key.partition(" ")
    # Counters are named in the plural.
    return f"{value} {counted.removesuffix('s') if value == '1' else counted}{space}{more}"


def html_table(name: str, facts: dict[str, str]) -> str:
    """Return the same facts as a table."""
    rows = "".join(
        f"<tr><th style='text-align:left;padding-right:1.5em'>{escape(key)}</th>"
        f"<td style='text-align:left'>{escape(value)}</td></tr>"
        for key, value in facts.items()
    )
    return f"<table><caption style='text-align:left'>{escape(name)}</caption>{rows}</table>"


def shortened(value: object, limit: int = 80) -> str:
    """Return *value*'s repr, cut at *limit* characters."""
    shown = repr(value)
    return shown if len(shown) <= limit else f"{shown[: limit - 1]}…"

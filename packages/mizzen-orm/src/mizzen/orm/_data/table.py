"""A result as an HTML table: few rows, short values, everything escaped."""

from __future__ import annotations

from datetime import datetime
from html import escape
from typing import TYPE_CHECKING

from .columns import category

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LINES = 20
"""So many rows are shown of a longer result."""

_CHARACTERS = 60
_MISSING = object()


def html_rows(
    name: str, columns: Sequence[str], rows: Sequence[Mapping[str, object]], total: int
) -> str:
    """Return a table of *rows*, the first of *total*; a value that is not in a row is a dash."""
    head = "".join(f"<th style='text-align:left'>{escape(column)}</th>" for column in columns)
    body = "".join(
        f"<tr>{''.join(_cell(row.get(column, _MISSING)) for column in columns)}</tr>"
        for row in rows
    )
    return (
        f"<div style='overflow-x:auto'><table><caption style='text-align:left'>"
        f"{escape(name)}: {_counted(total, len(rows))}</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _counted(total: int, shown: int) -> str:
    if total == 0:
        return "no rows"
    rows = f"{total:,} row{'' if total == 1 else 's'}"
    return rows if shown >= total else f"{rows}, the first {shown} shown, {total - shown:,} more"


def _cell(value: object) -> str:
    if value is _MISSING:
        return "<td title='not loaded'>—</td>"
    if value is None:
        return "<td><i style='opacity:.6'>None</i></td>"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"<td style='text-align:right'>{escape(str(value))}</td>"
    text = _text(value)
    if len(text) > _CHARACTERS:
        text = text[: _CHARACTERS - 1] + "…"
    return f"<td style='text-align:left'>{escape(text)}</td>"


def _text(value: object) -> str:
    value = category(value)
    if isinstance(value, bytes):
        return f"{len(value):,} byte{'' if len(value) == 1 else 's'}"
    if isinstance(value, datetime):
        return value.isoformat(" ", "seconds")
    # A long text is cut before it is printed: half a megabyte of JSON has a costly repr.
    return value[: _CHARACTERS + 1] if isinstance(value, str) else str(value)

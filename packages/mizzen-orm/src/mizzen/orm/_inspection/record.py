"""What every record of the catalogue has in common: one line of text, and an escaped table."""

from __future__ import annotations

from dataclasses import fields
from typing import cast

from .._display import html_table, shortened

_MOST_ROWS = 1000


class Record:
    """Base of the frozen records; what is empty is not shown."""

    def __repr__(self) -> str:
        shown = [
            f"{name}={shortened(_brief(value))}"
            for name, value in _facts(self).items()
            if value is not None and value not in ("", (), False)
        ]
        return f"{type(self).__name__}({', '.join(shown)})"

    def _repr_html_(self) -> str:
        facts = {name: shortened(_brief(value), 400) for name, value in _facts(self).items()}
        return html_table(type(self).__name__, facts)


class Shown:
    """A text that is its own repr."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def _facts(record: Record) -> dict[str, object]:
    return {
        field.name: getattr(record, field.name)
        for field in fields(record)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    }


def _brief(value: object) -> object:
    # A table's columns are told by their names; a table of hundreds is still one line.
    if not isinstance(value, tuple):
        return value
    parts = cast("tuple[object, ...]", value)
    if parts and all(isinstance(part, Record) for part in parts):
        names = (getattr(part, "name", None) or type(part).__name__ for part in parts[:_MOST_ROWS])
        return Shown(f"[{', '.join(map(str, names))}]")
    return parts

"""What a statement gave: columns and rows, shown as a table."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from .._display import shortened

if TYPE_CHECKING:
    from collections.abc import Iterator

_SHOWN_ROWS = 100


@dataclass(frozen=True, repr=False)
class QueryResult:
    """The answer to `db.meta.execute`; iterating gives the rows, as tuples.

    `rowcount` is the number of rows written, or of those at hand; `truncated` says that there were
    more of them than the limit.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    rowcount: int
    truncated: bool
    milliseconds: float

    def dicts(self) -> list[dict[str, Any]]:
        """Return the rows by column name; of columns with one name the last counts."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        more = ", truncated" if self.truncated else ""
        names = shortened(list(self.columns))
        return f"<QueryResult {names}: {self.rowcount} rows{more}, {self.milliseconds:.1f} ms>"

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{escape(name)}</th>" for name in self.columns)
        body = "".join(
            f"<tr>{''.join(f'<td>{escape(_text(value))}</td>' for value in row)}</tr>"
            for row in self.rows[:_SHOWN_ROWS]
        )
        left = self.rowcount - len(self.rows[:_SHOWN_ROWS])
        more = f"; {left} not shown" if left > 0 and self.rows else ""
        cut = "; cut at the limit" if self.truncated else ""
        caption = f"{self.rowcount} rows, {self.milliseconds:.1f} ms{more}{cut}"
        return f"<table><caption>{caption}</caption><tr>{head}</tr>{body}</table>"


def _text(value: object) -> str:
    return value if isinstance(value, str) and len(value) <= 200 else shortened(value, 200)

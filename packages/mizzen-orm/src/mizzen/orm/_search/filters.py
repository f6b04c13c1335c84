"""Filters of a search: declared columns that a query may name, as in `lang:python stars:>10`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    String,
    TypeDecorator,
    and_,
    false,
    func,
    literal,
    not_,
)
from sqlalchemy import Enum as SQLEnum
from sqlmodel import AutoString

from .query import Bound, SearchFilter
from .values import Span, choice, reader, verbatim

if TYPE_CHECKING:
    from collections.abc import Callable

# SQLModel's own text is a decorated type, too.
_PLAIN = (String, AutoString)
_COMPARISON = re.compile(r"(>=|<=|>|<|=)?(.*)", re.DOTALL)


@dataclass(frozen=True)
class Filter:
    """A column that a query may name; `read_value` is None where values are text."""

    name: str
    attribute: str
    read_value: Callable[[str], Span | None] | None

    @classmethod
    def of(cls, name: str, attribute: str, kind: Any) -> Filter | None:
        """Return the filter for a column of SQLAlchemy's type *kind*, or None when none can be."""
        outer: Any = kind
        plain: Any = outer.impl_instance if isinstance(kind, TypeDecorator) else outer
        if isinstance(plain, SQLEnum):
            enum: Any = plain.enum_class
            return cls(name, attribute, choice(plain.enums) if enum is None else reader(enum))
        if isinstance(plain, String):
            # How a decorated type stores its text (folded, encrypted) only the type knows.
            return cls(name, attribute, None if isinstance(outer, _PLAIN) else verbatim)
        try:
            python = plain.python_type
        except NotImplementedError:
            return None
        aware = any(getattr(held, "timezone", False) for held in (outer, plain))
        read = reader(python, aware=aware)
        return cls(name, attribute, read) if read is not None else None

    def read(self, name: str, said: str, quoted: bool) -> SearchFilter | None:
        """Return `name:said` as a filter, or None when the value doesn't fit the column."""
        if self.read_value is None:
            if said.endswith("*") and not quoted and said.strip("*"):
                return SearchFilter(name, "begins", said.rstrip("*"))
            return SearchFilter(name, "is", said)
        low, dots, high = said.partition("..")
        if dots:
            return self._between(name, low, high)
        sign, value = cast("re.Match[str]", _COMPARISON.match(said)).groups()
        span = self.read_value(value.strip())
        if span is None:
            return None
        first, last = Bound(span.first, included=True), Bound(span.last, not span.open)
        if sign in {None, "="}:
            if span.first == span.last:
                return SearchFilter(name, "is", span.first)
            return SearchFilter(name, "range", None, first, last)
        if sign == ">":
            return SearchFilter(name, "range", low=Bound(span.last, span.open))
        if sign == "<":
            return SearchFilter(name, "range", high=Bound(span.first, included=False))
        if sign == ">=":
            return SearchFilter(name, "range", low=first)
        return SearchFilter(name, "range", high=last)

    def condition(self, column: Any, asked: SearchFilter) -> ColumnElement[bool]:
        """Return the condition on *column*; a null meets none."""
        if self.read_value is None:
            return _text_condition(column, asked)
        kind = BigInteger() if isinstance(column.type, Integer) else column.type
        if asked.operator == "is":
            same: ColumnElement[bool] = column == literal(asked.value, kind)
            return same
        bounds: list[ColumnElement[bool]] = []
        if asked.low is not None:
            low = literal(asked.low.value, kind)
            bounds.append(column >= low if asked.low.included else column > low)
        if asked.high is not None:
            high = literal(asked.high.value, kind)
            bounds.append(column <= high if asked.high.included else column < high)
        return and_(*bounds)

    def _between(self, name: str, low: str, high: str) -> SearchFilter | None:
        assert self.read_value is not None  # noqa: S101  (the caller looked)
        first = self.read_value(low.strip()) if low.strip(" *") else None
        last = self.read_value(high.strip()) if high.strip(" *") else None
        if (low.strip(" *") and first is None) or (high.strip(" *") and last is None):
            return None
        if first is None and last is None:
            return None
        return SearchFilter(
            name,
            "range",
            low=Bound(first.first, included=True) if first else None,
            high=Bound(last.last, not last.open) if last else None,
        )


def excluding(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return the opposite of *condition*, which a null meets, too."""
    return not_(func.coalesce(condition, false()))


def _text_condition(column: Any, asked: SearchFilter) -> ColumnElement[bool]:
    lowered, value = func.lower(column), str(asked.value)
    if asked.operator == "is":
        return lowered == func.lower(value)
    escaped = re.sub(r"([!%_])", r"!\1", value)
    return lowered.like(func.lower(escaped + "%"), escape="!")

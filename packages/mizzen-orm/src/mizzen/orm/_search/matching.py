"""A search put into a SELECT: its text through the index, its filters as plain conditions."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import ColumnElement, Select, false, inspect, or_

from .filters import excluding
from .query import SearchFilter, SearchTerm

if TYPE_CHECKING:
    from .._models.model import Model
    from .backend import SearchBackend
    from .index import SearchIndex
    from .query import SearchClause


class Matched(NamedTuple):
    """A SELECT of matching rows, and their rank, or None where nothing says which is better."""

    statement: Select[Any]
    rank: ColumnElement[float] | None
    key: Any

    @property
    def order(self) -> list[Any]:
        """What sorts the best first, and equals by their key."""
        return [self.key] if self.rank is None else [self.rank.desc(), self.key]


def matched(
    statement: Select[Any], model: type[Model], text: str, backend: SearchBackend
) -> Matched:
    """Return *statement* with only the rows of *model* that the search finds."""
    index = model.__search__
    assert index is not None  # noqa: S101  (the query has looked)
    query = index.read(text)
    (column,) = inspect(model).primary_key
    key = getattr(model, inspect(model).get_property_by_column(column).key)
    if not query:
        return Matched(statement.where(false()), None, key)
    worded, mixed = _sorted_out(query.clauses, index)
    unwanted = _terms(query.excluded, index)
    rank: ColumnElement[float] | None = None
    if worded:
        statement, rank = backend.narrow(statement, key, index.shape, worded, unwanted)
    elif unwanted:
        statement = statement.where(~backend.found(key, index.shape, unwanted))
    for clause in mixed:
        statement = statement.where(_any_of(clause, key, index, backend))
    for part in query.excluded:
        if isinstance(part, SearchFilter):
            statement = statement.where(excluding(_filtered(part, index)))
    return Matched(statement, rank, key)


def _sorted_out(
    clauses: tuple[SearchClause, ...], index: SearchIndex
) -> tuple[list[list[SearchTerm]], list[SearchClause]]:
    """Return the clauses of words alone, which rank a row, and the others."""
    worded: list[list[SearchTerm]] = []
    mixed: list[SearchClause] = []
    for clause in clauses:
        terms = _terms(clause, index)
        if len(terms) == len(clause):
            worded.append(terms)
        else:
            mixed.append(clause)
    return worded, mixed


def _any_of(
    clause: SearchClause, key: Any, index: SearchIndex, backend: SearchBackend
) -> ColumnElement[bool]:
    ways = [_filtered(part, index) for part in clause if isinstance(part, SearchFilter)]
    terms = _terms(clause, index)
    if terms:
        ways.append(backend.found(key, index.shape, terms))
    return or_(*ways)


def _terms(clause: SearchClause, index: SearchIndex) -> list[SearchTerm]:
    """Return the terms of *clause*, their fields named as in the table."""
    columns = dict(zip(index.fields, index.shape.fields, strict=True))
    return [
        part if part.field is None else replace(part, field=columns[part.field])
        for part in clause
        if isinstance(part, SearchTerm)
    ]


def _filtered(asked: SearchFilter, index: SearchIndex) -> ColumnElement[bool]:
    found = index.filter(asked.name)
    return found.condition(getattr(index.model, found.attribute), asked)

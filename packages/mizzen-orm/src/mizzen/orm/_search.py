"""Full-text search declared on a model: `search = SearchIndex("title", "body")`."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import Integer, String, TypeDecorator, inspect

from ._errors import ConfigurationError
from ._validation import unknown

if TYPE_CHECKING:
    from ._model import Model


@dataclass(frozen=True)
class SearchShape:
    """What an index is made of; kept in the database beside it, so that a change is noticed."""

    table: str
    key: str
    fields: tuple[str, ...]
    numbered: bool  # the key is a plain integer, which SQLite can use as the row's number

    @property
    def name(self) -> str:
        """Name of the index, and the beginning of the names of all its parts."""
        return f"{self.table}_search"

    def to_json(self) -> str:
        """Return the shape as one line of text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> SearchShape:
        """Read what `to_json` wrote."""
        held = json.loads(text)
        return cls(held["table"], held["key"], tuple(held["fields"]), held["numbered"])


class SearchIndex:
    """An index over text fields of a model, kept in step by the database's own triggers.

    FTS5 on SQLite, tsvector on PostgreSQL (the first 250,000 characters of each field). Words are
    runs of letters and digits in any script, in any case; nothing is stemmed.
    """

    def __init__(self, *fields: str) -> None:
        if not fields:
            raise ConfigurationError('a SearchIndex names fields: SearchIndex("title", "body").')
        self.fields = fields
        self._shape: SearchShape | None = None

    def attach(self, model: type[Model]) -> None:
        """Bind the index to its model, now mapped."""
        mapper = inspect(model)
        for field in self.fields:
            # Not `mapper.column_attrs`: that configures every mapper, and a relation's other side
            # may not be defined yet.
            if field not in mapper.columns:
                raise unknown(model, field)
            if not _is_text(mapper.columns[field].type):
                raise ConfigurationError(f"{model.__name__}.{field} is no text to search in.")
        if len(mapper.primary_key) != 1:
            raise ConfigurationError(
                f"{model.__name__}: a model with a SearchIndex has a primary key of one column."
            )
        (key,) = mapper.primary_key
        columns = tuple(mapper.columns[field].name for field in self.fields)
        numbered = type(key.type) is Integer
        self._shape = SearchShape(
            str(cast("Any", mapper.local_table).name), key.name, columns, numbered
        )

    @property
    def shape(self) -> SearchShape:
        """What the index is made of."""
        if self._shape is None:
            raise ConfigurationError("this SearchIndex belongs to no model.")
        return self._shape

    def __repr__(self) -> str:
        return f"SearchIndex({', '.join(map(repr, self.fields))})"


def _is_text(kind: object) -> bool:
    return isinstance(kind.impl_instance if isinstance(kind, TypeDecorator) else kind, String)

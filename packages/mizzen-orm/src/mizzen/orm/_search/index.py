"""Full-text search declared on a model: `search = SearchIndex("title", "body")`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import Enum as SQLEnum
from sqlalchemy import Integer, String, TypeDecorator, inspect

from .._errors import ConfigurationError
from .._models.validation import unknown
from .filters import Filter
from .maintenance import Maintenance
from .reading import read_query
from .shape import SearchShape

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .._models.model import Model
    from .query import SearchQuery

__all__ = ["SearchIndex", "SearchShape"]

# PostgreSQL has four labels for the parts of a text; beyond, the last ones share one.
_LABELS = 4


class SearchIndex(Maintenance):
    """An index over text fields of a model, kept in step by the database's own triggers.

    FTS5 on SQLite, tsvector on PostgreSQL, FULLTEXT on MySQL and MariaDB. Words are runs of
    letters and digits in any script, in any case, with or without accents. PostgreSQL indexes
    250,000 characters of a row, shared evenly by the fields.

    `weights` say what a hit in each field is worth (`{"title": 4}`; 1 unless told). `language` is
    "simple" (words as they are), "english" (stemmed on SQLite and PostgreSQL) or another language
    that PostgreSQL stems; elsewhere its words stay as they are. `prefix` lists lengths of
    beginnings (`(2, 3)`) that SQLite indexes by themselves, which makes `be*` fast there.
    `filters` name columns that a search may name: `filters=("lang", "stars")` allows
    `lang:python stars:>10`, and `{"created": "created_at"}` gives one another name.
    """

    def __init__(
        self,
        *fields: str,
        weights: Mapping[str, float] | Sequence[float] | None = None,
        language: str = "simple",
        prefix: int | Iterable[int] = (),
        filters: Iterable[str] | Mapping[str, str] = (),
    ) -> None:
        if not fields or len(set(fields)) < len(fields):
            raise ConfigurationError(
                'a SearchIndex names fields, each once: SearchIndex("title", "body").'
            )
        self.fields = fields
        self.weights: tuple[float, ...] = _weights(fields, weights)
        self.language: str = _language(language)
        self.prefix: tuple[int, ...] = _prefix(prefix)
        self.filters: dict[str, str] = _named(filters)
        self._read: dict[str, Filter] = {}
        self._shape: SearchShape | None = None
        self._model: type[Model] | None = None

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
        self._read = {name: self._filter(model, name) for name in self.filters}
        self._shape = SearchShape(
            str(cast("Any", mapper.local_table).name),
            key.name,
            tuple(mapper.columns[field].name for field in self.fields),
            numbered=type(key.type) is Integer,
            weights=() if set(self.weights) == {1.0} else self.weights,
            language=self.language,
            prefix=self.prefix,
        )
        self._model = model

    def read(self, text: str) -> SearchQuery:
        """Return *text* as the search will understand it; any text is understood somehow."""
        named = {name.lower(): found.read for name, found in self._read.items()}
        return read_query(text, self.restrictable, named)

    def filter(self, name: str) -> Filter:
        """Return the filter that a query calls *name*."""
        return next(found for held, found in self._read.items() if held.lower() == name)

    @property
    def restrictable(self) -> tuple[str, ...]:
        """Fields that a query may look in alone (`title:loop`): all, or the first three of many."""
        return self.fields if len(self.fields) <= _LABELS else self.fields[: _LABELS - 1]

    @property
    def shape(self) -> SearchShape:
        """What the index is made of."""
        if self._shape is None:
            raise ConfigurationError("this SearchIndex belongs to no model.")
        return self._shape

    @property
    def model(self) -> type[Model]:
        """The model that is searched."""
        if self._model is None:
            raise ConfigurationError("this SearchIndex belongs to no model.")
        return self._model

    def __repr__(self) -> str:
        usual = SearchIndex(*self.fields)
        more = [
            f"{name}={value!r}"
            for name in ("weights", "language", "prefix", "filters")
            if (value := getattr(self, name)) != getattr(usual, name)
        ]
        return f"SearchIndex({', '.join([*map(repr, self.fields), *more])})"

    def _filter(self, model: type[Model], name: str) -> Filter:
        field = self.filters[name]
        columns = inspect(model).columns
        if field not in columns:
            raise unknown(model, field)
        found = Filter.of(name.lower(), field, columns[field].type)
        if found is None or name.lower() in map(str.lower, self.fields):
            why = "is searched as text" if found else "holds nothing that a search can compare"
            raise ConfigurationError(f"{model.__name__}.{field} can't be a filter: it {why}.")
        return found


def _weights(
    fields: tuple[str, ...], given: Mapping[str, float] | Sequence[float] | None
) -> tuple[float, ...]:
    if given is None:
        return (1.0,) * len(fields)
    if isinstance(given, Mapping):
        if strange := set(given) - set(fields):
            raise ConfigurationError(f"weights for {sorted(strange)}, which are not searched.")
        given = [given.get(field, 1.0) for field in fields]
    weights = tuple(map(float, given))
    if len(weights) != len(fields) or not all(0 < w < math.inf for w in weights):
        raise ConfigurationError("weights are positive numbers, one for each field.")
    if len(set(weights[_LABELS - 1 :])) > 1 and len(fields) > _LABELS:
        raise ConfigurationError("of more than four fields, all but the first three weigh alike.")
    return weights


def _language(language: str) -> str:
    if not (language.isascii() and language.isidentifier()):
        raise ConfigurationError(f'{language!r} is no language; write "simple" or "english".')
    return language.lower()


def _prefix(given: int | Iterable[int]) -> tuple[int, ...]:
    lengths = tuple(sorted({given} if isinstance(given, int) else set(given)))
    if not all(0 < length < 100 for length in lengths):
        raise ConfigurationError("prefix takes lengths from 1 to 99: prefix=(2, 3).")
    return lengths


def _named(filters: Iterable[str] | Mapping[str, str]) -> dict[str, str]:
    if isinstance(filters, str):
        raise ConfigurationError(f"filters is a tuple of names: filters=({filters!r},).")
    named: dict[str, str] = (
        dict(cast("Mapping[str, str]", filters))
        if isinstance(filters, Mapping)
        else {name: name for name in filters}
    )
    for name in named:
        if not name.isidentifier():
            raise ConfigurationError(f"{name!r} can't be written as a filter, as in `lang:python`.")
    return named


def _is_text(kind: object) -> bool:
    plain = kind.impl_instance if isinstance(kind, TypeDecorator) else kind
    return isinstance(plain, String) and not isinstance(plain, SQLEnum)

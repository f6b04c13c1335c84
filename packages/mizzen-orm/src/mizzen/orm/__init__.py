"""Active-record models, queries and migrations on SQLModel and SQLAlchemy."""

from sqlmodel import Field, Relationship, col

from ._database import Database
from ._errors import (
    Busy,
    ConfigurationError,
    ConstraintFailed,
    Damaged,
    Invalid,
    MigrationFailed,
    MultipleFound,
    NotFound,
    NotStarted,
    NotUnique,
    OrmError,
    QueryFailed,
    ReadOnly,
    Unavailable,
    UnknownName,
)
from ._model import Model
from ._query import Query
from ._search import SearchIndex
from ._timestamps import Timestamps

__all__ = [
    "Busy",
    "ConfigurationError",
    "ConstraintFailed",
    "Damaged",
    "Database",
    "Field",
    "Invalid",
    "MigrationFailed",
    "Model",
    "MultipleFound",
    "NotFound",
    "NotStarted",
    "NotUnique",
    "OrmError",
    "Query",
    "QueryFailed",
    "ReadOnly",
    "Relationship",
    "SearchIndex",
    "Timestamps",
    "Unavailable",
    "UnknownName",
    "col",
]

for _name in __all__:
    if getattr(globals()[_name], "__module__", "").startswith(__name__):
        globals()[_name].__module__ = __name__

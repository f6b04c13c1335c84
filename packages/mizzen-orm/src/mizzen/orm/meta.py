"""The records of `db.meta`: what describes a database, and what new parts of it are made of."""

from ._inspection.catalog import (
    Check,
    Column,
    Enumeration,
    Expression,
    Extension,
    ForeignKey,
    Function,
    Index,
    Policy,
    PrimaryKey,
    Size,
    Table,
    Unique,
)
from ._inspection.meta import Meta
from ._inspection.result import QueryResult

__all__ = [
    "Check",
    "Column",
    "Enumeration",
    "Expression",
    "Extension",
    "ForeignKey",
    "Function",
    "Index",
    "Meta",
    "Policy",
    "PrimaryKey",
    "QueryResult",
    "Size",
    "Table",
    "Unique",
]

for _name in __all__:
    globals()[_name].__module__ = __name__

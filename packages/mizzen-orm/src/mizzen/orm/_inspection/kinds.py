"""How a column of the database becomes a field: its Python type, and its SQLAlchemy type."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql
from sqlmodel.sql.sqltypes import AutoString, UTCDateTime

from .code import KNOWN, Call, ListOf, Name
from .column_types import parsed, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.engine import Dialect
    from sqlalchemy.types import TypeEngine

    from .catalog import Column

_ANY = Name("Any")
# SQLite takes any type; these letters in it decide what it stores.
_AFFINITIES: list[tuple[tuple[str, ...], TypeEngine[Any]]] = [
    (("int",), sa.Integer()),
    (("char", "clob", "text"), sa.Text()),
    (("blob",), sa.LargeBinary()),
    (("real", "floa", "doub"), sa.Float()),
]


class Kind(NamedTuple):
    """An annotation, the column's type, and what `Field` needs when SQLModel's own type fits."""

    annotation: Any
    type: Any
    plain: dict[str, Any] | None


def kind_of(column: Column, dialect: Dialect, enums: Mapping[str, tuple[str, ...]]) -> Kind:
    """Return how *column* becomes a field; an enum is not one of these."""
    found = parsed(str(column.type), dialect.name, enums, column.values)
    if found is None and dialect.name == "sqlite":
        text = str(column.type)
        found = next((t for parts, t in _AFFINITIES if any(p in text for p in parts)), None)
    if found is None:
        return Kind(_ANY, Call("NullType"), None)
    annotation, own, options = _python(found, dialect.name)
    if isinstance(found, mysql.TINYINT) and found.display_width == 1:
        return Kind(annotation, Call("Boolean"), {})  # what BOOLEAN is there
    same = own is not None and text_of(own, dialect) == text_of(found, dialect)
    return Kind(annotation, _type(found, dialect.name), options if same else None)


def _python(found: Any, dialect: str) -> tuple[Any, Any, dict[str, Any]]:
    """Return the annotation, the type that SQLModel makes of it, and the options for that."""
    if isinstance(found, postgresql.ARRAY):
        return ListOf(_python(_item(found), dialect)[0]), None, {}
    if isinstance(found, mysql.TINYINT):
        return Name("bool" if found.display_width == 1 else "int"), sa.Boolean(), {}
    if isinstance(found, sa.DateTime):
        # Only PostgreSQL knows times without a zone from those with one; elsewhere it is UTC.
        if dialect == "postgresql" and not found.timezone:
            return Name("NaiveDatetime"), sa.DateTime(timezone=False), {}
        return Name("datetime"), UTCDateTime(), {}
    if isinstance(found, sa.JSON | postgresql.HSTORE):
        return _ANY, None, {}
    try:
        python = found.python_type
    except NotImplementedError:
        return _ANY, None, {}
    if isinstance(found, sa.String):
        length = {"max_length": found.length} if found.length else {}
        return Name("str"), AutoString(found.length), length
    if python is Decimal:
        sizes = {"max_digits": found.precision, "decimal_places": found.scale}
        return Name("Decimal"), found, {key: n for key, n in sizes.items() if n is not None}
    own: dict[type, Any] = {
        int: sa.Integer(),
        float: sa.Float(),
        bool: sa.Boolean(),
        bytes: sa.LargeBinary(),
    }
    names = {"int", "float", "bool", "bytes", "date", "time", "timedelta", "UUID"}
    name = str(python.__name__)
    if name not in names:
        return _ANY, None, {}
    plain = {"date": sa.Date(), "time": sa.Time(), "timedelta": sa.Interval(), "UUID": sa.Uuid()}
    return Name(name), own.get(python, plain.get(name)), {}


def _type(found: Any, dialect: str) -> Any:
    if isinstance(found, postgresql.ARRAY):
        return Call("ARRAY", (_type(_item(found), dialect),))
    name = type(found).__name__
    if isinstance(found, sa.DateTime):
        return Call("DateTime" if dialect == "postgresql" and not found.timezone else "UTCDateTime")
    if isinstance(found, sa.Time):
        return Call("Time")
    if isinstance(found, sa.Numeric) and not isinstance(found, sa.Float):
        sizes = [size for size in (found.precision, found.scale) if size is not None]
        return Call("Numeric", tuple(sizes))
    if isinstance(found, sa.CHAR):
        return Call("CHAR", (found.length,) if found.length else ())
    if isinstance(found, mysql.TINYINT):
        return Call("TINYINT", (found.display_width,) if found.display_width else ())
    if isinstance(found, sa.JSON):
        # None is no value, as in every other column, and not the JSON text "null".
        return Call(name, (), {"none_as_null": True})
    if name in KNOWN:
        return Call(name)
    if isinstance(found, sa.String):
        return Call("String", (found.length,) if found.length else ())
    for base, known in (
        (sa.BigInteger, "BigInteger"),
        (sa.SmallInteger, "SmallInteger"),
        (sa.Integer, "Integer"),
        (sa.Float, "Float"),
        (sa.types._Binary, "LargeBinary"),  # pyright: ignore[reportPrivateUsage]
    ):
        if isinstance(found, base):
            return Call(known)
    return Call("NullType")


def _item(array: Any) -> Any:
    return array.item_type

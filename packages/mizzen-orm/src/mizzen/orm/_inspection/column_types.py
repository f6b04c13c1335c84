"""Column types between text and SQLAlchemy: a closed grammar, so that no text reaches DDL.

The grammar is `name`, `name(length)` or `name(precision, scale)`, then any number of `[]`; names
are those below, in any case, and the enum types that the database itself has.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.exc import CompileError
from sqlalchemy.types import TypeEngine

from .._errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlalchemy.engine import Dialect

_GRAMMAR = re.compile(
    r"([a-z][a-z0-9]*(?: [a-z][a-z0-9]*)*?) ?"
    r"(?:\( ?(\d{1,9}) ?(?:, ?(\d{1,4}) ?)?\))?( with(?:out)? time zone)?((?:\[\])*)"
)
_PLAIN: dict[str, Callable[..., TypeEngine[Any]]] = {
    "smallint": sa.SmallInteger,
    "int2": sa.SmallInteger,
    "int": sa.Integer,
    "int4": sa.Integer,
    "integer": sa.Integer,
    "mediumint": sa.Integer,
    "bigint": sa.BigInteger,
    "int8": sa.BigInteger,
    "real": sa.REAL,
    "float": sa.Float,
    "double": sa.Double,
    "double precision": sa.Double,
    "boolean": sa.Boolean,
    "bool": sa.Boolean,
    "text": sa.Text,
    "clob": sa.Text,
    "date": sa.Date,
    "json": sa.JSON,
    "uuid": sa.Uuid,
    "blob": sa.LargeBinary,
    "bytea": sa.LargeBinary,
    "interval": sa.Interval,
}
_SIZED: dict[str, Callable[..., TypeEngine[Any]]] = {
    "varchar": sa.VARCHAR,
    "character varying": sa.VARCHAR,
    "nvarchar": sa.VARCHAR,
    "char": sa.CHAR,
    "character": sa.CHAR,
    "nchar": sa.CHAR,
    "numeric": sa.Numeric,
    "decimal": sa.Numeric,
    "binary": sa.BINARY,
    "varbinary": sa.VARBINARY,
}
_OF_POSTGRESQL: dict[str, Callable[..., TypeEngine[Any]]] = {
    "jsonb": postgresql.JSONB,
    "inet": postgresql.INET,
    "cidr": postgresql.CIDR,
    "macaddr": postgresql.MACADDR,
    "macaddr8": postgresql.MACADDR8,
    "money": postgresql.MONEY,
    "citext": postgresql.CITEXT,
    "hstore": postgresql.HSTORE,
    "oid": postgresql.OID,
    "tsvector": postgresql.TSVECTOR,
    "tsquery": postgresql.TSQUERY,
    "int4range": postgresql.INT4RANGE,
    "int8range": postgresql.INT8RANGE,
    "numrange": postgresql.NUMRANGE,
    "daterange": postgresql.DATERANGE,
    "tsrange": postgresql.TSRANGE,
    "tstzrange": postgresql.TSTZRANGE,
}
_OF_MYSQL: dict[str, Callable[..., TypeEngine[Any]]] = {
    "tinyint": mysql.TINYINT,
    "tinytext": mysql.TINYTEXT,
    "mediumtext": mysql.MEDIUMTEXT,
    "longtext": mysql.LONGTEXT,
    "tinyblob": mysql.TINYBLOB,
    "mediumblob": mysql.MEDIUMBLOB,
    "longblob": mysql.LONGBLOB,
    "year": mysql.YEAR,
}
_TIMES = {"timestamp", "timestamptz", "datetime", "time", "timetz"}


def type_of(
    wanted: str | TypeEngine[Any] | type[TypeEngine[Any]],
    dialect: Dialect,
    enums: Mapping[str, tuple[str, ...]] | None = None,
    values: tuple[str, ...] = (),
) -> TypeEngine[Any]:
    """Return the SQLAlchemy type that *wanted* names; raises `ConfigurationError`.

    *enums* are the database's own enum types; *values* those of a MariaDB column of type "enum".
    """
    if isinstance(wanted, TypeEngine):
        return _compiled(wanted, dialect)
    # Whatever a caller without a type checker gives: `int` is no SQLAlchemy type.
    if isinstance(wanted, type) and TypeEngine in wanted.__mro__:
        return _compiled(wanted(), dialect)
    made = parsed(str(wanted), dialect.name, enums or {}, values)
    if made is None:
        raise ConfigurationError(
            f"{wanted!r} is no column type here: write one like 'integer', 'varchar(20)', "
            "'numeric(10, 2)', 'timestamptz' or 'text[]', or give a SQLAlchemy type."
        )
    return _compiled(made, dialect)


def parsed(
    text: str, dialect: str, enums: Mapping[str, tuple[str, ...]], values: tuple[str, ...] = ()
) -> TypeEngine[Any] | None:
    """Return the type that *text* names on that dialect, or None."""
    bare = text.removesuffix("[]")
    if bare in enums:
        named: Any = postgresql.ENUM(*enums[bare], name=bare, create_type=False)
        return named if bare == text else postgresql.ARRAY(named)
    if text == "enum" and values and dialect in {"mysql", "mariadb"}:
        return sa.Enum(*values)
    match = _GRAMMAR.fullmatch(" ".join(text.lower().split()))
    if match is None:
        return None
    name, first, second, zone, arrays = match.groups()
    sizes = [int(size) for size in (first, second) if size]
    made = _one(name, sizes, (zone or "").strip(), dialect)
    if made is None or not arrays:
        return made
    return postgresql.ARRAY(made, dimensions=None) if dialect == "postgresql" else None


def text_of(kind: TypeEngine[Any], dialect: Dialect) -> str:
    """Return the type as the database writes it, in lower case; "" for one without a name."""
    try:
        return dialect.type_compiler_instance.process(kind).lower()
    except CompileError:
        return ""


def _one(name: str, sizes: list[int], zone: str, dialect: str) -> TypeEngine[Any] | None:
    if name in _TIMES:
        return _time(name, sizes, zone, dialect) if len(sizes) < 2 else None
    if zone:
        return None
    if name in _SIZED:
        most = 2 if _SIZED[name] is sa.Numeric else 1
        return _SIZED[name](*sizes) if len(sizes) <= most else None
    if dialect in {"mysql", "mariadb"} and name.removesuffix(" unsigned") in {
        *_OF_MYSQL,
        "int",
        "integer",
        "bigint",
        "smallint",
        "mediumint",
    }:
        return _mysql(name, sizes)
    if sizes and name not in {"float"}:
        return None
    if dialect == "postgresql" and name in _OF_POSTGRESQL:
        return _OF_POSTGRESQL[name]()
    return _PLAIN[name](*sizes[:1]) if name in _PLAIN else None


def _mysql(name: str, sizes: list[int]) -> TypeEngine[Any]:
    whole: dict[str, Any] = {
        "int": mysql.INTEGER,
        "integer": mysql.INTEGER,
        "bigint": mysql.BIGINT,
        "smallint": mysql.SMALLINT,
        "mediumint": mysql.MEDIUMINT,
        "tinyint": mysql.TINYINT,
    }
    plain = name.removesuffix(" unsigned")
    if plain not in whole:
        return _OF_MYSQL[plain]()
    made: TypeEngine[Any] = whole[plain](*sizes[:1], unsigned=name != plain)
    return made


def _time(name: str, sizes: list[int], zone: str, dialect: str) -> TypeEngine[Any]:
    aware = zone.startswith("with ") or name in {"timestamptz", "timetz"}
    of_day = name in {"time", "timetz"}
    if dialect == "postgresql":
        kind = postgresql.TIME if of_day else postgresql.TIMESTAMP
        return kind(timezone=aware, precision=sizes[0] if sizes else None)
    if dialect in {"mysql", "mariadb"} and sizes:
        if of_day:
            return mysql.TIME(fsp=sizes[0])
        return (mysql.DATETIME if name == "datetime" else mysql.TIMESTAMP)(fsp=sizes[0])
    if of_day:
        return sa.Time()
    return sa.TIMESTAMP() if name.startswith("timestamp") else sa.DateTime()


def _compiled(kind: TypeEngine[Any], dialect: Dialect) -> TypeEngine[Any]:
    try:
        dialect.type_compiler_instance.process(kind)
    except CompileError as error:
        raise ConfigurationError(f"{kind!r} is no type on {dialect.name}: {error}") from error
    return kind

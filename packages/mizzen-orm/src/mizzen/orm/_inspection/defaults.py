"""Column defaults between Python values and SQL: values as literals, SQL only when marked."""

from __future__ import annotations

import json
import math
import re
from datetime import date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import text

from .._errors import ConfigurationError
from .catalog import Expression

if TYPE_CHECKING:
    from sqlalchemy import TextClause

_QUOTED = re.compile(r"'((?:[^']|'')*)'(?:::(.+))?", re.DOTALL)
_NUMBER = re.compile(r"[-+]?\d+(\.\d+)?")
_KEYWORDS = {"true": True, "false": False}
_NULLS = re.compile(r"null(::.+)?", re.IGNORECASE | re.DOTALL)


def server_default(value: Any, dialect: str, column: str) -> str | TextClause | None:
    """Return *value* as SQLAlchemy's `server_default`: text is quoted, SQL left as it is."""
    if value is None:
        return None
    if isinstance(value, Expression):
        return escaped(value.sql)
    if isinstance(value, bool):
        plain = ("true" if value else "false") if dialect == "postgresql" else str(int(value))
        return text(plain)
    if isinstance(value, int | Decimal | float):
        if not math.isfinite(value):
            raise ConfigurationError(f"{column}: {value!r} is no default that a column can have.")
        return text(str(value))
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return text(f"'\\x{value.hex()}'" if dialect == "postgresql" else f"X'{value.hex()}'")
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, UUID):
        # What `sa.Uuid` stores: digits only where the database has no such type.
        return str(value) if dialect == "postgresql" else value.hex
    if isinstance(value, dict | list):
        return json.dumps(value)
    raise ConfigurationError(
        f"{column}: {value!r} can't be written as a default; give a number, text, a date, bytes, "
        "or SQL as `sqlalchemy.text(...)`."
    )


def escaped(sql: str) -> TextClause:
    """Return SQL as it is: no `:name` in it is a parameter."""
    return text(sql.replace(":", "\\:"))


def read_default(sql: str | None, *, number: bool) -> Any:
    """Return the database's text of a default as a value where it is a literal."""
    if sql is None or _NULLS.fullmatch(sql):
        return None
    sql = sql.strip()
    while sql.startswith("(") and sql.endswith(")") and _NUMBER.fullmatch(sql[1:-1]):
        sql = sql[1:-1]
    if sql.lower() in _KEYWORDS:
        return _KEYWORDS[sql.lower()]
    if match := _QUOTED.fullmatch(sql):
        value = match[1].replace("''", "'")
        if match[2] and not re.fullmatch(r'[\w ."\[\](),]+', match[2]):
            return Expression(sql)
        # PostgreSQL writes a negative number as '-5'::integer.
        sql = value if number and _NUMBER.fullmatch(value) else ""
        if not sql:
            return value
    if match := _NUMBER.fullmatch(sql):
        return Decimal(sql) if match[1] else int(sql)
    return Expression(sql)

"""Numbers on databases that would change them without a word.

SQLite has no decimals but floats, which hold 15 digits, and keeps NaN as NULL. MariaDB and MySQL
keep no fraction of a NUMERIC that doesn't say how long it is. What would not come back as it was
given is refused.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal
from math import isfinite
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import Float, Numeric
from sqlalchemy.dialects.mysql import NUMERIC

from .._errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Dialect

# Digits, and those of them behind the point, of a column that names none: the most of MySQL.
DIGITS, PLACES = 65, 30

_WIDE = Context(prec=200, rounding=ROUND_HALF_UP)
_LARGEST = 2**63


class SQLiteDecimal(Numeric[Any]):
    """A NUMERIC of SQLite: floats and integers in the file, decimals outside."""

    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Any:
        read = self._reader()

        def convert(value: Any) -> Any:
            if not isinstance(value, Decimal):
                return value
            if self.scale is not None and value.is_finite():
                value = value.quantize(Decimal(1).scaleb(-self.scale), context=_WIDE)
            number = float(value)
            if read(number) == value:
                return number
            if value.is_finite() and value == int(value) and abs(value) < _LARGEST:
                return int(value)
            raise Invalid(
                "a value doesn't fit its column: SQLite keeps 15 digits of a Decimal, and this "
                "one has more; round it, or keep it as a text or as a whole number of cents.",
                errors=[],
            )

        return convert

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:
        return self._reader() if self.asdecimal else None

    def _reader(self) -> Callable[[Any], Any]:
        scale = self.scale
        step = None if scale is None else Decimal(1).scaleb(-scale)

        def convert(value: Any) -> Any:
            if value is None or isinstance(value, str | bytes):
                return value
            if isinstance(value, int):
                whole = Decimal(value)
                return whole if step is None else whole.quantize(step, context=_WIDE)
            if step is None:
                return plain(Decimal(f"{value:.15g}"))
            return Decimal(f"{value:.{scale}f}")

        return convert


class SQLiteFloat(Float[Any]):
    """A float of SQLite, which would keep NaN as NULL."""

    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Any:
        usual: Any = cast("Any", super()).bind_processor(dialect)

        def convert(value: Any) -> Any:
            if value != value:  # NaN only
                raise Invalid(
                    "a value doesn't fit its column: SQLite has no NaN; store None.", errors=[]
                )
            return value if usual is None else usual(value)

        return convert


class MySQLFloat(Float[Any]):
    """A float of MariaDB or MySQL, which have neither NaN nor infinity."""

    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Any:
        usual: Any = cast("Any", super()).bind_processor(dialect)

        def convert(value: Any) -> Any:
            if isinstance(value, float) and not isfinite(value):
                raise Invalid(
                    f"a value doesn't fit its column: MariaDB and MySQL have no {value}; "
                    "store None.",
                    errors=[],
                )
            return value if usual is None else usual(value)

        return convert


class MySQLDecimal(NUMERIC):
    """A NUMERIC of MariaDB or MySQL, without the zeros that fill a column of no stated length."""

    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Any:
        if self.precision is not None:
            return cast("Any", super()).bind_processor(dialect)

        def convert(value: Any) -> Any:
            if isinstance(value, Decimal) and plain(value) != value.quantize(_STEP, context=_WIDE):
                raise Invalid(
                    f"a value doesn't fit its column: it has more than {PLACES} digits behind the "
                    "point; round it.",
                    errors=[],
                )
            return value

        return convert

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:
        usual: Any = cast("Any", super()).result_processor(dialect, coltype)
        if self.precision is not None or usual is not None:
            return usual
        return _plain


_STEP = Decimal(1).scaleb(-PLACES)


def _plain(value: Any) -> Any:
    return plain(value) if isinstance(value, Decimal) else value


def plain(value: Decimal) -> Decimal:
    """Return *value* without zeros at its end, and never as 1E+2."""
    if not value.is_finite():
        return value
    short = value.normalize(_WIDE)
    exponent = short.as_tuple().exponent
    return short.quantize(Decimal(1), context=_WIDE) if int(exponent) > 0 else short


def exact_numbers(dialect: Any) -> None:
    """Let *dialect* refuse numbers that it would change."""
    own: dict[Any, Any] = {Numeric: MySQLDecimal, Float: MySQLFloat}
    if dialect.name == "sqlite":
        own = {Numeric: SQLiteDecimal, Float: SQLiteFloat}
    dialect.colspecs = {**dialect.colspecs, **own}

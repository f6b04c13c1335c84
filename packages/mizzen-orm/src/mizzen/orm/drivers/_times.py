"""Times of the day on databases that would drop a zone without a word."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Time

from .._errors import Invalid

if TYPE_CHECKING:
    from sqlalchemy import Dialect


def exact_times(dialect: Any) -> None:
    """Let *dialect* refuse times with a zone for columns without one."""
    usual: Any = dialect.colspecs.get(Time, Time)

    class PlainTime(usual):  # type: ignore[misc]
        cache_ok = True

        def bind_processor(self, dialect: Dialect) -> Any:
            inherited: Any = super()
            convert: Any = inherited.bind_processor(dialect)
            if getattr(self, "timezone", False):
                return convert

            def checked(value: Any) -> Any:
                if getattr(value, "tzinfo", None) is not None:
                    raise Invalid(
                        "a value doesn't fit its column: a time of the day is kept without a "
                        "zone; take it off, or keep a datetime.",
                        errors=[],
                    )
                return value if convert is None else convert(value)

            return checked

    dialect.colspecs = {**dialect.colspecs, Time: PlainTime}

"""What an observer is told about one statement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import sql_text

if TYPE_CHECKING:
    from collections.abc import Mapping

Parameters = "tuple[object, ...] | Mapping[str, object]"


@dataclass(frozen=True, slots=True)
class QueryRun:
    """One statement that was run; it holds no secret, so that it may be logged as it is."""

    database: str
    """The database's URL without its password."""
    sql: str
    """The statement, with placeholders; literals compared with secret columns are `'***'`."""
    parameters: tuple[object, ...] | Mapping[str, object]
    """The first twenty values: secrets are `***`, long ones are cut."""
    seconds: float
    rows: int | None
    """Rows returned or changed, as far as the driver says."""
    source: str | None
    """The line that asked, such as `app/views.py:12`, or None when no line of yours did."""
    error: BaseException | None
    """What went wrong, in this package's words."""
    inline: bool
    """Whether it was read in the event loop's own thread."""
    began: float
    """Seconds since 1970."""
    times: int
    """How many sets of values it was run with."""
    relation: str | None
    """The relation that is being loaded, such as `Note.owner`."""

    @property
    def operation(self) -> str:
        """The statement's first word: `SELECT`, `INSERT`, `BEGIN` …"""
        return sql_text.operation(self.sql)

    @property
    def table(self) -> str | None:
        """The table that it reads first or writes."""
        return sql_text.table(self.sql)

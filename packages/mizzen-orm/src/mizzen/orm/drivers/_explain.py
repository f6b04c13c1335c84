"""What drivers say, put into the package's own errors."""

from __future__ import annotations

from sqlalchemy import exc

from .._errors import (
    Busy,
    ConstraintFailed,
    Damaged,
    Invalid,
    NotUnique,
    OrmError,
    QueryFailed,
    ReadOnly,
    Unavailable,
)

# SQLSTATE of PostgreSQL, and parts of SQLite's messages: neither driver offers one scheme.
_UNIQUE = ("23505", "UNIQUE constraint failed")
_BY_TEXT: list[tuple[str, type[OrmError], str]] = [
    ("lane ", Busy, "the turn to write did not come in time ({cause}); try again"),
    ("is locked", Busy, "{where} stayed locked by another program; try again"),
    (
        "attempt to write a readonly",
        ReadOnly,
        "only reads are served here; write inside `async with db.transaction()`, "
        "or see whether {where} is writable",
    ),
    ("not a database", Damaged, "{where} is not a SQLite database, or it is damaged"),
    ("malformed", Damaged, "{where} is damaged ({cause}); restore it from a backup"),
    ("unable to open", Unavailable, "{where} can't be opened: does its folder exist, writable?"),
    ("disk is full", Unavailable, "the disk of {where} is full; nothing of this was saved"),
    ("disk I/O error", Unavailable, "reading or writing {where} failed: {cause}"),
]


def explain(error: Exception, where: str) -> OrmError:
    """Return *error* as one of ours; raise the result `from error`."""
    cause = _cause(error)
    state = getattr(getattr(error, "orig", error), "sqlstate", None) or ""
    if isinstance(error, OSError):
        return Unavailable(f"{where} can't be reached or opened: {cause}")
    if isinstance(error, exc.TimeoutError):
        return Busy(f"no connection to {where} came free in time; try again")
    if isinstance(error, exc.IntegrityError):
        kind = NotUnique if state == _UNIQUE[0] or _UNIQUE[1] in cause else ConstraintFailed
        return kind(f"the database refused the change: {cause}")
    for words, made, message in _BY_TEXT:
        if words in cause and not state:
            return made(message.format(where=where, cause=cause))
    if isinstance(error, exc.DBAPIError) and not error.statement:
        return Unavailable(f"{where} can't be reached: {cause}")
    if isinstance(error, exc.StatementError) and isinstance(error.orig, ValueError | TypeError):
        return Invalid(f"a value doesn't fit its column: {cause}", errors=[])
    return QueryFailed(f"the database rejected the statement: {cause}")


def _cause(error: Exception) -> str:
    # Only the driver's first line: SQLAlchemy's own text repeats the parameters, secrets included.
    if not isinstance(error, exc.SQLAlchemyError):
        return str(error)
    origin = getattr(error, "orig", None)
    return str(origin or error).partition("\n")[0] or type(origin or error).__name__

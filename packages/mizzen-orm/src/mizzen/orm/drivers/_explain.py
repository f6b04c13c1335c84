"""What drivers say, put into the package's own errors."""

from __future__ import annotations

import re

from sqlalchemy import exc

from .._errors import (
    Busy,
    Conflict,
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
_TOO_MANY = "too many values for one statement ({cause}); look them up by a query, or in parts"
_BY_TEXT: list[tuple[str, type[OrmError], str]] = [
    ("lane ", Busy, "the turn to write did not come in time ({cause}); try again"),
    ("is locked", Conflict, "{where} stayed locked by another program; try again"),
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
    ("too many SQL variables", QueryFailed, _TOO_MANY),
    ("number of parameters must be", QueryFailed, _TOO_MANY),
    ("disk I/O error", Unavailable, "reading or writing {where} failed: {cause}"),
]
# MariaDB and MySQL number their errors; their texts follow the server's language.
_UNREACHED = "{where} can't be reached: {cause}"
_REFUSED = "the database refused the change: {cause}"
_UNFIT = "a value doesn't fit its column: {cause}"
_NUMBERS: dict[tuple[int, ...], tuple[type[OrmError], str]] = {
    (1022, 1062, 1169, 1586, 1859): (NotUnique, _REFUSED),
    (1048, 1216, 1217, 1364, 1451, 1452, 3819, 4025): (ConstraintFailed, _REFUSED),
    (1020,): (Conflict, "{where}: another transaction changed the rows meanwhile; try again"),
    (1205,): (Conflict, "{where}: another transaction held the rows too long; try again"),
    (1213,): (Conflict, "{where}: two transactions waited for each other; try again"),
    (1226,): (Busy, "{where}: {cause}"),
    (3572,): (Busy, "{where}: another transaction holds the rows; try again"),
    (1040, 1042, 1044, 1045, 1049, 1053, 1152, 1158, 1159, 1160, 1161, 1203): (
        Unavailable,
        _UNREACHED,
    ),
    (1927, 2002, 2003, 2005, 2006, 2013, 2014, 2055, 4031): (Unavailable, _UNREACHED),
    (1021, 1041, 1114): (Unavailable, "{where} has no room left: {cause}"),
    (1290, 1792, 1836): (ReadOnly, "only reads are served by {where}: {cause}"),
    (1264, 1265, 1292, 1366, 1406, 3140, 4027): (Invalid, _UNFIT),
}
_BY_NUMBER = {number: made for numbers, made in _NUMBERS.items() for number in numbers}
# The SQLSTATE classes and codes of PostgreSQL that say what the caller can do.
_STATES: dict[str, tuple[type[OrmError], str]] = {
    "40001": (Conflict, "{where}: another transaction got in the way ({cause}); try again"),
    "40P01": (Conflict, "{where}: two transactions waited for each other; try again"),
    "55P03": (Busy, "{where}: another transaction holds the rows; try again"),
    "25006": (ReadOnly, "only reads are served here: {cause}"),
    "08": (Unavailable, _UNREACHED),
    "57P": (Unavailable, _UNREACHED),
    "53300": (Unavailable, _UNREACHED),
    "53100": (Unavailable, "the disk of {where} is full; nothing of this was saved"),
    "XX001": (Damaged, "{where} is damaged ({cause}); restore it from a backup"),
    **dict.fromkeys(
        ("22001", "22003", "22007", "22008", "22021", "22P02", "22P03", "22P05"), (Invalid, _UNFIT)
    ),
    "XX002": (Damaged, "an index of {where} is damaged ({cause}); REINDEX it"),
}
# These servers repeat the value that was wrong, and a log is no place for it.
_VALUE = re.compile(r"(Duplicate entry|value:?) '.*' for (key|column)", re.DOTALL)


def explain(error: Exception, where: str) -> OrmError:
    """Return *error* as one of ours; raise the result `from error`."""
    cause = _cause(error)
    state = getattr(getattr(error, "orig", error), "sqlstate", None) or ""
    number = _number(error)
    if isinstance(error, exc.TimeoutError) or (isinstance(error, TimeoutError) and not cause):
        return Busy(f"no connection to {where} came free in time; try again")
    if isinstance(error, OSError):
        return Unavailable(f"{where} can't be reached or opened: {cause}")
    if number in _BY_NUMBER:
        made, message = _BY_NUMBER[number]
        return _made(made, message.format(where=where, cause=cause))
    if isinstance(error, exc.IntegrityError):
        kind = NotUnique if state == _UNIQUE[0] or _UNIQUE[1] in cause else ConstraintFailed
        return kind(f"the database refused the change: {cause}")
    for words, made, message in _BY_TEXT:
        if words in cause and not state:
            return made(message.format(where=where, cause=cause))
    for code in (state, state[:3], state[:2]):
        if code in _STATES:
            made, message = _STATES[code]
            return _made(made, message.format(where=where, cause=cause))
    if _lost(error):
        return Unavailable(f"{where} can't be reached: {cause}")
    if _is_unfit(error, state):
        return Invalid(_UNFIT.format(cause=cause), errors=[])
    step = _next_step(cause, state, number)
    return QueryFailed(f"the database rejected the statement: {cause}{step}")


def _next_step(cause: str, state: str, number: int) -> str:
    if state == "42P01" or number == 1146 or "no such table" in cause:
        return "; `await db.create_all()` makes the tables of models that have none"
    if state == "42703" or number == 1054 or "no such column" in cause or "has no column" in cause:
        return "; when a model has it, a migration adds it to a table that is there"
    if state == "42P10" or "ON CONFLICT clause does not match" in cause:
        return "; `on` takes the fields of one unique rule, or of the primary key"
    return ""


def _made(kind: type[OrmError], message: str) -> OrmError:
    return Invalid(message, errors=[]) if issubclass(kind, Invalid) else kind(message)


def _is_unfit(error: Exception, state: str) -> bool:
    """Return whether a value did not even reach the database."""
    if isinstance(error, OverflowError | UnicodeEncodeError):
        return True
    if isinstance(error, exc.DataError):
        return not state and not _number(error)  # psycopg's own, of a NUL in a text
    unusable = ValueError | TypeError | AttributeError | ArithmeticError
    return isinstance(error, exc.StatementError) and isinstance(error.orig, unusable)


def _lost(error: Exception) -> bool:
    if not isinstance(error, exc.DBAPIError):
        return False
    # psycopg gives no SQLSTATE where no server spoke; SQLite's errors all have a code.
    silent = not getattr(error.orig, "sqlstate", None)
    elsewhere = silent and not hasattr(error.orig, "sqlite_errorcode") and not _number(error)
    unanswered = isinstance(error, exc.OperationalError) and elsewhere
    return unanswered or error.connection_invalidated or not error.statement


def _number(error: Exception) -> int:
    told: tuple[object, ...] = getattr(getattr(error, "orig", None), "args", ())
    return told[0] if told and isinstance(told[0], int) else 0


def _cause(error: Exception) -> str:
    # Only the driver's first line: SQLAlchemy's own text repeats the parameters, secrets included.
    if isinstance(error, UnicodeEncodeError):
        return f"{error.reason} in a text"  # without the text
    if not isinstance(error, exc.SQLAlchemyError):
        return str(error)
    origin = getattr(error, "orig", None)
    told: tuple[object, ...] = getattr(origin, "args", ())
    if len(told) > 1 and isinstance(told[0], int):
        return _VALUE.sub(r"\1 for \2", str(told[1])).partition("\n")[0]
    return str(origin or error).partition("\n")[0] or type(origin or error).__name__

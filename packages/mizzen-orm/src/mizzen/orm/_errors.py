"""What can go wrong, split by what the caller can do about it."""

from __future__ import annotations

from typing import Any

from sqlalchemy.exc import DontWrapMixin


class OrmError(Exception, DontWrapMixin):
    """Base of every error of mizzen.orm.

    `facts` (model, key, field…) become attributes, and survive pickling.
    """

    row: int  # which row it was, from 1; set by `copy_all` only

    def __init__(self, message: str, **facts: object) -> None:
        super().__init__(message)
        self.__dict__.update(facts)


class ConfigurationError(OrmError):
    """A URL, a model or an option is not usable as written: fix the program."""


class NotStarted(OrmError):
    """The database is not open: start it, or say which of several is meant."""


class Invalid(OrmError, ValueError):
    """A value breaks a model's rules; `errors` lists `{"field", "message", "type"}`."""

    errors: list[dict[str, str]]


class UnknownName(OrmError, ValueError):
    """A string names no mapped column, relation or look-up of the model."""


class NotFound(OrmError, LookupError):
    """No row matches."""


class NotLoaded(OrmError, AttributeError):
    """A relation or field was not read from the database: await it, include it, or reload."""


class MultipleFound(OrmError, LookupError):
    """More than one row matches where one was asked for."""


class ConstraintFailed(OrmError):
    """The database refused the change: a reference, check or NOT NULL rule would break."""


class NotUnique(ConstraintFailed):
    """Another row already has that value."""


class Restricted(ConstraintFailed):
    """Rows depend on the one to be destroyed, `count` of them: destroy or move those first."""

    count: int


class Busy(OrmError):
    """The turn to write, or a free connection, did not come in time: try again later."""


class Conflict(Busy):
    """Another transaction got in the way: run the whole transaction again, as `db.attempts` does.

    A deadlock, a serialization failure, or a lock that did not come in time; nothing was saved.
    """


class RolledBack(OrmError):
    """The transaction is over: something in it has failed before, and nothing of it is saved."""


class ReadOnly(OrmError):
    """A write was sent where only reads are served."""


class Unavailable(OrmError):
    """The database cannot be reached or opened, or its disk is full."""


class Damaged(OrmError):
    """The file is not a sound SQLite database: restore it from a backup."""


class Unreadable(Damaged):
    """A stored value can't be read: its key is missing, or it was altered, or fits no more."""


class Stale(OrmError):
    """Somebody else changed the row since it was read: `reload()`, and decide again."""


class Lagged(OrmError):
    """A reader of `db.changes()` was too slow; `lost` changes were dropped."""

    lost: int


class Abort(OrmError):
    """Raise it in a `before_` callback to refuse the write: nothing is written."""


class QueryFailed(OrmError):
    """The database rejected a statement; the driver's words are in the message."""


class NoTenant(OrmError):
    """Tenants' rows are asked for, and no tenant is set, or nothing can keep to its rows."""


class WrongTenant(OrmError):
    """A row of another tenant can't be written: nothing was saved."""


class NPlusOne(OrmError, UserWarning):
    """A line reads row after row what one read would bring; raised, or warned of."""

    source: str | None


class MigrationFailed(OrmError):
    """A migration could not be made or applied; the database is as it was before."""


class SchemasFailed(MigrationFailed):
    """Some schemas could not be migrated: `errors` by schema, and what was `done` in the others."""

    errors: dict[str, OrmError]
    done: dict[str, list[Any]]

"""What can go wrong, split by what the caller can do about it."""

from __future__ import annotations


class OrmError(Exception):
    """Base of every error of mizzen.orm.

    `facts` (model, key, field…) become attributes, and survive pickling.
    """

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


class MultipleFound(OrmError, LookupError):
    """More than one row matches where one was asked for."""


class ConstraintFailed(OrmError):
    """The database refused the change: a reference, check or NOT NULL rule would break."""


class NotUnique(ConstraintFailed):
    """Another row already has that value."""


class Busy(OrmError):
    """The turn to write, or a free connection, did not come in time: try again later."""


class ReadOnly(OrmError):
    """A write was sent where only reads are served."""


class Unavailable(OrmError):
    """The database cannot be reached or opened, or its disk is full."""


class Damaged(OrmError):
    """The file is not a sound SQLite database: restore it from a backup."""


class QueryFailed(OrmError):
    """The database rejected a statement; the driver's words are in the message."""


class MigrationFailed(OrmError):
    """A migration could not be made or applied; the database is as it was before."""

"""What a transaction remembers of a statement that failed: nothing after it may be saved.

Databases differ there. PostgreSQL answers a COMMIT after an error with a rollback, and no driver
calls that an error; SQLite and MariaDB would save the rest. Here the transaction, or the savepoint
that the statement was in, is over on each of them, and says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, cast
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, event

from .._errors import RolledBack

if TYPE_CHECKING:
    from sqlalchemy.engine import ExceptionContext
    from sqlalchemy.ext.asyncio import AsyncSession
    from sqlalchemy.orm import Session

    from .._core import Core

_CONNECTION = "mizzen_connection"


class _Failure(NamedTuple):
    error: Exception
    savepoint: Any  # the innermost one, whose rollback makes good for it

    def counts(self) -> bool:
        return self.savepoint is None or bool(self.savepoint.is_active)


# Of the connections that transactions of ours are on.
_failures: WeakKeyDictionary[Connection, list[_Failure]] = WeakKeyDictionary()


def watch(session: Session, connection: Connection) -> None:
    """Remember what fails on *connection*, on which *session* begins a transaction."""
    session.info[_CONNECTION] = connection
    _failures[connection] = []


def refuse_to_go_on(database: Core, session: AsyncSession) -> None:
    """Raise `RolledBack` if something has failed in the transaction of *session*."""
    connection = session.info.get(_CONNECTION)
    failed = [one for one in _failures.get(connection, ()) if one.counts()] if connection else []
    if not failed and session.is_active:
        return
    cause = database.driver.explain(failed[0].error) if failed else None
    what = f"a statement in it failed ({cause})" if cause else "an object could not be written"
    raise RolledBack(
        f"this transaction can't go on, and nothing in it is saved: {what}. To catch an error and "
        "go on, put what may fail into an `async with db.transaction():` inside, and catch it "
        "around that."
    ) from cause


@event.listens_for(Engine, "handle_error")
def _remember(context: ExceptionContext) -> None:
    connection = context.connection
    found = _failures.get(connection) if connection is not None else None
    if connection is None or found is None:
        return
    # A value that never reached the database did no harm there.
    if isinstance(context.original_exception, context.dialect.loaded_dbapi.Error):
        error = context.sqlalchemy_exception or context.original_exception
        found.append(_Failure(cast("Exception", error), connection.get_nested_transaction()))

"""Insert jobs through the caller's own transaction, whatever library holds it.

The libraries are met by what their objects can do, so none of them is imported here.
"""

from __future__ import annotations

import inspect
import sys
import weakref
from typing import TYPE_CHECKING, Any

import msgspec

from ._errors import QueueError, StoreError
from .abc import Completing, Inserted, Transactional
from .stores._flow_rows import edge_rows, node_rows
from .stores._inserted import has_keys, in_order

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ._flows import Link
    from .abc import NewJob, Store

_PLACEHOLDERS = {
    "qmark": "?",
    "named": ":jobs",
    "format": "%s",
    "pyformat": "%(jobs)s",
    "numeric": ":1",
    "numeric_dollar": "$1",
}


async def insert_within(
    tx: Any,
    store: Store,
    jobs: Sequence[NewJob],
    committed: Callable[[], None],
    links: Sequence[Link] | None = None,
) -> Inserted:
    """Insert *jobs* with *tx*; those of a workflow come with the *links* between them.

    *committed* is called after the commit where *tx* can tell (SQLAlchemy sessions); elsewhere
    workers find the jobs by polling. Failures of the statement are StoreError.
    """
    if not isinstance(store, Transactional):
        raise QueueError(
            "this queue's store can't join a transaction: leave tx= out, or put the queue into "
            "the database of the transaction"
        )
    if links is not None:
        _require_begun(tx)
    text = msgspec.json.encode(jobs).decode()
    try:
        keyed = has_keys(jobs)
        rows = await _execute(tx, store, store.keyed_sql if keyed else store.insert_sql, text)
        ended: list[Any] = []
        if len(rows) < len(jobs):
            ended = await _execute(tx, store, store.within_sql, text)
        if links is not None:
            await _link(tx, store, sorted(int(row[0]) for row in rows), links)
    except QueueError:
        raise
    except Exception as exc:
        raise StoreError(
            f"the transaction refused the job: {exc}. Is it on the queue's own database?"
        ) from exc
    _after_commit(tx, committed)
    if keyed:
        return in_order(jobs, rows, lambda: ended)
    return Inserted(sorted(int(row[0]) for row in rows))


async def _link(tx: Any, store: Transactional, ids: Sequence[int], links: Sequence[Link]) -> None:
    link_sql: tuple[str, str] | None = getattr(store, "link_sql", None)
    if link_sql is None:
        raise QueueError("this queue's store keeps no workflows in a caller's transaction")
    for statement, rows in zip(link_sql, (node_rows(ids), edge_rows(ids, links)), strict=True):
        await _execute(tx, store, statement, rows)


def _require_begun(tx: Any) -> None:
    """Refuse a connection that would commit statement by statement."""
    if hasattr(tx, "pgconn"):  # psycopg
        alone = tx.autocommit and not tx.info.transaction_status
    elif hasattr(tx, "is_in_transaction"):  # asyncpg
        alone = not tx.is_in_transaction()
    else:  # sqlite3, aiosqlite; SQLAlchemy's begin by themselves
        manual = getattr(tx, "isolation_level", "") is None or getattr(tx, "autocommit", 0) is True
        alone = manual and not getattr(tx, "in_transaction", True)
    if alone:
        raise QueueError("this takes several statements: begin a transaction first")


async def run_within(tx: Any, store: Completing, statements: Sequence[str], values: str) -> bool:
    """Run *statements* with *tx*; False when one of them met nothing."""
    _require_begun(tx)
    try:
        for statement in statements:
            if not await _execute(tx, store, statement, values):
                return False
    except QueueError:
        raise
    except Exception as exc:
        raise StoreError(
            f"the transaction refused to complete the job: {exc}. Is it on the queue's own "
            "database?"
        ) from exc
    return True


async def _execute(tx: Any, store: Transactional | Completing, sql: str, jobs: str) -> Any:
    if hasattr(tx, "exec_driver_sql"):  # SQLAlchemy's Connection and AsyncConnection
        return await _on_connection(tx, store, sql, jobs)
    if hasattr(tx, "connection") and hasattr(tx, "flush"):  # its Session and AsyncSession
        # The session's own pending objects first: a job may refer to them by a foreign key.
        await _settled(tx.flush())
        return await _on_connection(await _settled(tx.connection()), store, sql, jobs)
    if hasattr(tx, "blobopen") and hasattr(tx, "isolation_level"):  # sqlite3
        _require(store, "sqlite")
        return tx.execute(sql.format(jobs="?"), (jobs,)).fetchall()
    if hasattr(tx, "execute_fetchall"):  # aiosqlite
        _require(store, "sqlite")
        return await tx.execute_fetchall(sql.format(jobs="?"), (jobs,))
    if hasattr(tx, "execute") and hasattr(tx, "pgconn"):  # psycopg, both kinds
        _require(store, "postgresql")
        cursor = await _settled(tx.execute(sql.format(jobs="%s"), (jobs,)))
        return await _settled(cursor.fetchall())
    if hasattr(tx, "fetch") and hasattr(tx, "is_in_transaction"):  # asyncpg
        _require(store, "postgresql")
        return await tx.fetch(sql.format(jobs="$1"), jobs)
    raise QueueError(
        f"tx= takes a SQLAlchemy session or connection, or a connection of aiosqlite, sqlite3, "
        f"psycopg or asyncpg; not {type(tx).__module__}.{type(tx).__qualname__}"
    )


async def _on_connection(
    connection: Any, store: Transactional | Completing, sql: str, jobs: str
) -> Any:
    dialect = connection.dialect
    # The same driver, and so the same URL, is for MySQL and for MariaDB.
    _require(store, "mariadb" if getattr(dialect, "is_mariadb", False) else dialect.name)
    placeholder = _PLACEHOLDERS[dialect.paramstyle]
    values: object = {"jobs": jobs} if "jobs" in placeholder else (jobs,)
    result = await _settled(connection.exec_driver_sql(sql.format(jobs=placeholder), values))
    return result.fetchall()


def _require(store: Transactional | Completing, dialect: str) -> None:
    if dialect != store.dialect:
        raise QueueError(
            f"the transaction is on {dialect}, but this queue's jobs are in {store.dialect}: "
            "they can only commit together in one database"
        )


async def _settled(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value


# What to call when a session commits. One set of listeners per session, as SQLAlchemy can't
# take a listener away while it calls it.
_waiting: weakref.WeakKeyDictionary[Any, list[Callable[[], None]]] = weakref.WeakKeyDictionary()


def _after_commit(tx: Any, committed: Callable[[], None]) -> None:
    session = getattr(tx, "sync_session", tx)
    alchemy = sys.modules.get("sqlalchemy.event")
    if alchemy is None or not hasattr(session, "in_nested_transaction"):
        return
    if not hasattr(session, "flush"):
        return  # a Connection: it tells before it commits, and nothing after
    if session not in _waiting:
        _waiting[session] = []
        alchemy.listen(session, "after_commit", _tell)
        alchemy.listen(session, "after_soft_rollback", _forget)
    _waiting[session].append(committed)


def _tell(session: Any) -> None:
    if session.in_nested_transaction():
        return  # only a savepoint was released
    told, _waiting[session] = _waiting.get(session, []), []
    for committed in told:
        committed()


def _forget(session: Any, ended: Any) -> None:
    if not ended.nested:
        _waiting[session] = []

"""A job that completes in the transaction that holds its own writes: both are there, or neither."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Self

import msgspec

from ._errors import BadResult, QueueError
from ._ledger import COMPLETED, Completed
from ._transaction import run_within
from .abc import Completing

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from types import TracebackType

    from ._ledger import Ledger

__all__ = ["Completion"]


class Completion:
    """What `CurrentJob.transaction` returns; set `result` to what the job is to have returned.

    It writes into the transaction when its block ends without an exception, and doesn't commit.
    """

    def __init__(self, ledger: Ledger, tx: Any) -> None:
        self.result: Any = None
        self._ledger, self._tx = ledger, tx

    async def __aenter__(self) -> Self:
        self._statements()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        if exc is None:
            await self._complete()

    def __enter__(self) -> Self:
        self._statements()
        if _is_async(self._tx):
            raise QueueError("this transaction is async: write `async with` in an async job")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        if exc is None:
            _drive(self._complete())

    def _statements(self) -> Completing:
        if not isinstance(self._ledger.store, Completing):
            raise QueueError(
                "this queue's store can't complete a job in a transaction: put the queue into the "
                "database of your data, in SQLite, PostgreSQL or MariaDB"
            )
        return self._ledger.store

    async def _complete(self) -> None:
        ledger, store = self._ledger, self._statements()
        claimed = ledger.claimed
        memo = msgspec.json.encode(self._completed()).decode()
        row = msgspec.json.encode([[claimed.id, claimed.token, COMPLETED, memo]]).decode()
        ledger.may_be_completed = True
        if not await run_within(self._tx, store, store.complete_sql, row):
            raise ledger.lost()

    def _completed(self) -> Completed:
        try:
            return Completed(self._ledger.function.arguments.encode_result(self.result))
        except BadResult as exc:
            # As with a job that returns it: the work is done, and only the result is lost.
            return Completed(error=str(exc))


def _is_async(tx: Any) -> bool:
    # Of a session or connection, `execute` is; aiosqlite's only gives something to await.
    return inspect.iscoroutinefunction(getattr(tx, "execute", None)) or hasattr(
        tx, "execute_fetchall"
    )


def _drive(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run what never waits, as a plain connection does all at once."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    coroutine.close()
    raise QueueError("this transaction waits: write `async with` in an async job")

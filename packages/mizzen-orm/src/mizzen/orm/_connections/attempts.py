"""Transactions that run again when others got in their way.

    async for attempt in db.attempts(isolation="serializable"):
        async with attempt:
            ...

A deadlock or a serialization failure says nothing about the program: the same block, run again, is
likely to pass. The loop ends after the block that committed, and raises everything else.
"""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Self, cast

from sqlalchemy.exc import SQLAlchemyError

from .._errors import ConfigurationError, Conflict, RolledBack
from . import sessions

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager
    from types import TracebackType

    from sqlalchemy.ext.asyncio import AsyncSession

    from .._core import Core
    from .isolation import Mode

_LONGEST_PAUSE = 1.0


class Attempts:
    """The attempts at one transaction, to be looped over once."""

    def __init__(self, database: Core, mode: Mode, tries: int, pause: float) -> None:
        if tries < 1:
            raise ConfigurationError(f"attempts(tries={tries}): there is one try or more.")
        self.database = database
        self.mode = mode
        self.tries = tries
        self._pause = pause
        self._attempt: Attempt | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Attempt:
        before = self._attempt
        if before is None:
            self._refuse_nesting()
        elif before.succeeded:
            raise StopAsyncIteration
        elif before.conflict is None:
            raise ConfigurationError(
                "an attempt was not used: write `async with attempt:` in the loop's body."
            )
        else:
            self.database.count("retries_total")
            # Anything up to the doubled pause: those that met once shall not meet again.
            longest = min(_LONGEST_PAUSE, self._pause * 2 ** (before.number - 1))
            await asyncio.sleep(random.uniform(0, longest))  # noqa: S311
        self._attempt = Attempt(self, 1 if before is None else before.number + 1)
        return self._attempt

    def _refuse_nesting(self) -> None:
        frame = sessions.ambient(self.database)
        if frame is not None and frame.writes:
            raise ConfigurationError(
                "attempts() inside a transaction could not run it again, and a conflict undoes "
                "all of it: loop around the outermost transaction."
            )


class Attempt:
    """One run of the block; `number` counts from 1."""

    def __init__(self, attempts: Attempts, number: int) -> None:
        self.number = number
        self.succeeded = False
        self.conflict: Conflict | None = None
        self._attempts, self._database = attempts, attempts.database
        self._block: AbstractAsyncContextManager[AsyncSession] | None = None
        self._frame: sessions.Frame | None = None

    async def __aenter__(self) -> AsyncSession:
        if self._block is not None:
            raise ConfigurationError("an attempt is used once: write `async with attempt:` once.")
        self._block = sessions.transaction(self._database, self._attempts.mode)
        session = await self._block.__aenter__()
        self._frame = sessions.ambient(self._database)
        return session

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        block = self._block
        assert block is not None  # noqa: S101  (entered before)
        try:
            await block.__aexit__(kind, error, trace)
        except Exception as raised:
            if not self._goes_on(raised):
                raise
            return True
        if error is None:
            self.succeeded = True
            return False
        return self._goes_on(error)

    def _goes_on(self, error: BaseException) -> bool:
        """Return whether to run the block again after *error*; raises when it was the last try."""
        if self._frame is not None and self._frame.committed:
            return False  # what fails after the commit must not run the block twice
        self.conflict = self._conflict(error)
        if self.conflict is None:
            return False
        if self.number < self._attempts.tries:
            return True
        raise Conflict(
            f"the transaction was tried {self.number} times, and others got in its way each time "
            f"({self.conflict}); nothing was saved: try later, or do less in it.",
            tries=self.number,
        ) from error

    def _conflict(self, error: BaseException) -> Conflict | None:
        if isinstance(error, BaseExceptionGroup):
            each = cast("BaseExceptionGroup[BaseException]", error).exceptions
            found = [self._conflict(inner) for inner in each]
            return None if None in found else found[0]
        if isinstance(error, SQLAlchemyError):  # from the session itself
            explained = self._database.driver.explain(error)
            return explained if isinstance(explained, Conflict) else None
        # What was caught inside the block says why the transaction is over.
        told = error.__cause__ if isinstance(error, RolledBack) else error
        return told if isinstance(told, Conflict) else None

    def __repr__(self) -> str:
        return f"<mizzen.orm.Attempt {self.number} of {self._attempts.tries}>"

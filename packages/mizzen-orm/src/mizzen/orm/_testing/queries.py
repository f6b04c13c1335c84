"""How many statements a block runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from .._core import current
from .._watching import sql_text

if TYPE_CHECKING:
    from types import TracebackType

    from .._database import Database
    from .._watching.query_run import QueryRun
    from .._watching.watch import Observing


class assert_queries:
    """Fail unless the block runs *count* statements (or *at_most* so many): `with` or `async with`.

    BEGIN, SAVEPOINT and their like don't count; statements of other tasks on the same database do.
    `runs` has them. The error lists each with the line that asked. *db* is the database in use.
    """

    def __init__(
        self, count: int | None = None, db: Database | None = None, *, at_most: int | None = None
    ) -> None:
        if (count is None) == (at_most is None):
            raise TypeError("assert_queries takes a count, or at_most=…")
        self._count, self._at_most, self._database = count, at_most, db
        self._observing: Observing | None = None
        self.runs: list[QueryRun] = []

    def __enter__(self) -> Self:
        self.runs.clear()
        self._observing = (self._database or current()).on_query(self._take)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._observing is not None:
            self._observing.stop()
        if error is None:
            self._compare()

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.__exit__(kind, error, trace)

    def _take(self, run: QueryRun) -> None:
        if run.operation not in sql_text.FRAMING:
            self.runs.append(run)

    def _compare(self) -> None:
        found = len(self.runs)
        if found == self._count or (self._at_most is not None and found <= self._at_most):
            return
        wanted = str(self._count) if self._at_most is None else f"at most {self._at_most}"
        lines = [
            f"  {number}. {' '.join(run.sql.split())}  {run.parameters!r}  ({run.source})"
            for number, run in enumerate(self.runs, 1)
        ]
        listed = "\n".join(lines)
        raise AssertionError(f"{found} statements were run, not {wanted}:\n{listed}")

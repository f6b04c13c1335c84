"""What a step would do: its functions run against operations that only write down.

No database is asked. `op.get_bind()` gives a stand-in whose statements are written down and whose
results are empty; data functions are not run, for they may reach out to anything.
"""

from __future__ import annotations

import inspect
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from alembic.operations import BatchOperations, MigrateOperation, Operations, ops
from alembic.runtime.migration import MigrationContext

if TYPE_CHECKING:
    from collections.abc import Generator
    from types import FrameType

    from sqlalchemy import Table

    from .files import Step

__all__ = ["Recorded", "Recording", "made_table", "record"]

_tables: WeakKeyDictionary[ops.CreateTableOp, Table] = WeakKeyDictionary()


@dataclass(frozen=True)
class Recorded:
    """One operation, the line of the file that asked for it, and how a batch was to be done."""

    operation: MigrateOperation
    line: int
    batch: str | None = None  # "auto", "always" or "never" inside `op.batch_alter_table`


@dataclass(frozen=True)
class Recording:
    """What one function of a step did, and the error that ended it early."""

    operations: list[Recorded]
    error: Exception | None = None
    error_line: int = 1


def made_table(operation: ops.CreateTableOp) -> Table:
    """Return the table that *operation* makes, made once: a second one lacks its foreign keys."""
    if operation not in _tables:
        _tables[operation] = operation.to_table()
    return _tables[operation]


def record(step: Step, dialect: str, name: str = "upgrade") -> Recording:
    """Write down what the function *name* of *step* does on *dialect*."""
    parts = step.parts if name == "upgrade" else reversed(step.parts)
    context = MigrationContext.configure(dialect_name=dialect, opts={"as_sql": True})
    pen = _Pen(str(step.path))
    with Operations.context(context) as operations:
        pen.take(operations, context)
        try:
            for _, functions in parts:
                if name in functions:
                    functions[name]()
        except Exception as error:
            return Recording(pen.recorded, error, _line_of(error, str(step.path)))
    return Recording(pen.recorded)


class _Pen:
    """Writes operations down."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.recorded: list[Recorded] = []
        self._tables: dict[str, Any] = {}

    def take(self, operations: Operations, context: MigrationContext) -> None:
        """Write down what *operations* is asked, instead of doing it."""

        @contextmanager
        def batch(table_name: str, schema: str | None = None, **options: Any) -> Generator[Any]:
            how = str(options.get("recreate", "auto"))
            inner: Any = SimpleNamespace(table_name=table_name, schema=schema, opts={})
            batched = BatchOperations(context, impl=inner)
            vars(batched)["invoke"] = partial(self.write, batch=how)
            yield batched

        vars(operations).update(
            invoke=self.write, batch_alter_table=batch, get_bind=lambda: _StandIn(self)
        )

    def write(self, operation: MigrateOperation, batch: str | None = None) -> Any:
        """Write one operation down."""
        self.recorded.append(Recorded(operation, self._line(), batch))
        if isinstance(operation, ops.CreateTableOp):
            return made_table(operation)
        return iter(())  # of `op.batches`; the others give nothing back

    def _line(self) -> int:
        frame: FrameType | None = inspect.currentframe()
        while frame is not None:
            if frame.f_code.co_filename == self.path:
                return frame.f_lineno
            frame = frame.f_back
        return 1


class _StandIn:
    """What `op.get_bind()` gives while a step is only read."""

    def __init__(self, pen: _Pen) -> None:
        self._pen = pen

    def execute(self, statement: Any, *_parameters: Any, **_options: Any) -> _Nothing:
        self._pen.write(ops.ExecuteSQLOp(statement))
        return _Nothing()

    exec_driver_sql = scalars = execute

    def scalar(self, statement: Any, *_parameters: Any, **_options: Any) -> None:
        self.execute(statement)


class _Nothing:
    """A result without rows."""

    rowcount = 0

    def __iter__(self) -> Any:
        return iter(())

    def fetchall(self) -> list[Any]:
        return []

    all = fetchall

    def scalar(self) -> None:
        return None

    first = one_or_none = scalar_one_or_none = fetchone = scalar

    def mappings(self) -> _Nothing:
        return self

    scalars = mappings


def _line_of(error: Exception, path: str) -> int:
    line, trace = 1, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == path:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line

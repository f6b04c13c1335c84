"""The SQL of one step: offline where the dialect needs no database, else on a copy in memory."""

from __future__ import annotations

from contextlib import closing
from io import StringIO
from typing import TYPE_CHECKING, Any

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, event
from sqlalchemy.exc import CompileError
from sqlalchemy.pool import StaticPool

from .._errors import MigrationFailed
from .context import open_context

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection, Engine

    from ..abc import SearchBackend
    from .files import Step


def schema_of(connection: Connection) -> list[str]:
    """Return the statements that made what a SQLite file holds."""
    if connection.dialect.name != "sqlite":
        return []
    found = connection.exec_driver_sql(
        "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' "
        # Virtual tables make their shadows themselves.
        "AND NOT EXISTS (SELECT 1 FROM sqlite_master v WHERE v.sql LIKE 'CREATE VIRTUAL%' AND "
        "sqlite_master.name IN (v.name || '_data', v.name || '_idx', v.name || '_docsize', "
        "v.name || '_config', v.name || '_content')) ORDER BY type <> 'table', rowid"
    )
    return [str(statement) for statement in found.scalars()]


def offline(dialect: str, search: SearchBackend, step: Step, *, up: bool) -> str:
    """Return the SQL of *step*, written without a database."""
    written = StringIO()
    context = MigrationContext.configure(
        dialect_name=dialect,
        opts={"as_sql": True, "output_buffer": written, "mizzen_search": search},
    )
    with Operations.context(context):
        for function in _functions(step, up):
            try:
                function()
            except AttributeError as error:
                raise MigrationFailed(
                    f"{step.path.name} reads from the database, so that its SQL can't be shown "
                    f"without running it: {error}"
                ) from error
            except CompileError as error:
                raise MigrationFailed(f"{step.path.name} can't be {dialect}: {error}") from error
    return written.getvalue()


def on_a_copy(
    search: SearchBackend,
    steps: list[Step],
    schema: Iterable[str],
    prior: Iterable[Step],
    *,
    up: bool,
) -> list[str]:
    """Return the SQL of each step on SQLite, run on *schema* without rows, after *prior*.

    SQLite rebuilds tables from what it finds, so nothing less than running them says it.
    """
    engine = create_engine("sqlite://", poolclass=StaticPool)
    sent: list[str] = []
    parts: list[str] = []
    try:
        with closing(engine.connect()) as connection:
            for statement in schema:
                connection.exec_driver_sql(statement)
            for step in prior:
                _run(connection, search, step, up=True)
            _listen(engine, sent)
            for step in steps:
                sent.clear()
                _run(connection, search, step, up=up)
                parts.append("\n".join(f"{statement};" for statement in sent))
    finally:
        engine.dispose()
    return parts


def _run(connection: Connection, search: SearchBackend, step: Step, *, up: bool) -> None:
    before = search.present(connection)
    with Operations.context(open_context(connection, search)):
        for function in _functions(step, up):
            function()
    search.repair(connection, before)


def _listen(engine: Engine, sent: list[str]) -> None:
    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_more: Any) -> None:
        if not statement.lstrip().upper().startswith(("SELECT", "PRAGMA")):
            values: Any = iter(parameters or ())
            pieces = statement.split("?") if parameters else [statement]
            sent.append(
                "".join(
                    piece + (_literal(next(values)) if place < len(pieces) - 1 else "")
                    for place, piece in enumerate(pieces)
                )
            )

    event.listen(engine, "before_cursor_execute", note)


def _functions(step: Step, up: bool) -> list[Any]:
    name = "upgrade" if up else "downgrade"
    parts = step.parts if up else reversed(step.parts)
    return [functions[name] for _, functions in parts if name in functions]


def _literal(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, bytes):
        return f"X'{value.hex()}'"
    return "'" + str(value).replace("'", "''") + "'"

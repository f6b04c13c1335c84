"""The SQL of steps as a script; the database is only asked what it has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy.dialects import registry
from sqlalchemy.schema import CreateTable
from sqlalchemy.sql import delete, insert

from .._errors import ConfigurationError
from ..drivers import driver_for
from . import bookkeeping, files
from .moves import pending, to_take_back
from .sql_text import offline, on_a_copy, schema_of

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection

    from ..abc import SearchBackend
    from .files import History, Step


@dataclass(frozen=True)
class Wish:
    """Which steps to show."""

    up: bool
    steps: int | None
    to: str | None
    lock_timeout: float

    def steps_of(self, history: History, have: set[str]) -> list[Step]:
        """Return the steps, as `up` or `down` would run them."""
        if self.up:
            return pending(history, have, self.to)[: self.steps]
        count = 1 if self.steps is None and self.to is None else self.steps
        return to_take_back(history, have, count, self.to)


def of_database(connection: Connection, folder: Path, wish: Wish) -> str:
    """Return what the database would be sent."""
    history = files.read(folder)
    with connection.begin():
        have = set(bookkeeping.applied(connection, history))
        schema = schema_of(connection)
    return _sql(connection.dialect.name, wish, wish.steps_of(history, have), schema, [])


def of_files(dialect: str, folder: Path, wish: Wish) -> str:
    """Return what a database with nothing (or, on the way down, with everything) would be sent."""
    history = files.read(folder)
    have: set[str] = set() if wish.up else {step.revision for step in history}
    prior = [] if wish.up else list(history)
    return _sql(dialect, wish, wish.steps_of(history, have), [], prior)


def _sql(dialect: str, wish: Wish, steps: list[Step], schema: list[str], prior: list[Step]) -> str:
    search = _search(dialect)
    if dialect == "sqlite":
        parts = on_a_copy(search, steps, schema, prior, up=wish.up)
    else:
        parts = [offline(dialect, search, step, up=wish.up) for step in steps]
    return "\n".join(
        _script(dialect, step, part, up=wish.up, timeout=wish.lock_timeout)
        for step, part in zip(steps, parts, strict=True)
    )


def _script(dialect: str, step: Step, part: str, *, up: bool, timeout: float) -> str:
    lines = [f"-- {'up' if up else 'down'} {step.revision} {step.message}"]
    whole = dialect == "sqlite" or (step.transactional and dialect == "postgresql")
    if whole:
        lines.append("BEGIN;")
    if dialect == "postgresql":
        lines.append(f"SET {'LOCAL ' if whole else ''}lock_timeout = {int(timeout * 1000)};")
    name = "upgrade_data" if up else "downgrade_data"
    data = [f"-- {name}() of {step.path.name} runs here"] if step.has(name) else []
    body = [part.strip()] if part.strip() else []
    lines += [*body, *data] if up else [*data, *body]
    lines += [f"{statement};" for statement in _bookkeeping(dialect, step, up)]
    return "\n".join([*lines, "COMMIT;"] if whole else lines) + "\n"


def _bookkeeping(dialect: str, step: Step, up: bool) -> list[str]:
    engine: Any = registry.load(dialect)()
    table = bookkeeping.TABLE
    gone = delete(table).where(table.c.revision.in_([step.revision, *step.replaces]))
    values = {
        "revision": step.revision,
        "message": step.message[:200],
        "checksum": step.checksum,
        "state": "applied",
        "progress": "",
        "changed_at": bookkeeping.now(),
    }
    statements: list[Any] = [insert(table).values(**values)] if up else [gone]
    made = CreateTable(table, if_not_exists=True)
    return [
        str(each.compile(dialect=engine, **({} if each is made else _LITERAL))).strip()
        for each in [made, *statements]
    ]


_LITERAL: dict[str, Any] = {"compile_kwargs": {"literal_binds": True}}


def _search(dialect: str) -> SearchBackend:
    try:
        url = "memory:" if dialect == "sqlite" else f"{dialect}://localhost/name"
        return driver_for(url, timeout=1.0, pool=1).search
    except ConfigurationError as error:
        raise ConfigurationError(f"the SQL for {dialect} can't be written: {error}") from error

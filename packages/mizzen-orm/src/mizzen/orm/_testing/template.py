"""A database for each test, copied from one that was prepared once.

Applying migrations takes a second, a copy some milliseconds. Processes of one test run (those of
pytest-xdist) share the template: whoever is first makes it, the last one removes it.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Protocol, Self

from .._database import Database
from .._errors import ConfigurationError
from ..drivers import scheme_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable
    from types import TracebackType

    Prepare = Callable[[Database], Awaitable[object]]


class Templates(Protocol):
    """How one kind of database is copied."""

    async def start(self) -> None:
        """Make the template, unless another process has."""
        ...

    async def clone(self, name: str) -> str:
        """Return the URL of a new copy."""
        ...

    async def drop(self, name: str) -> None:
        """Remove a copy."""
        ...

    async def close(self) -> None:
        """Remove the template when no other process uses it."""
        ...


class TemplateDatabase:
    """Databases that all begin as *prepare* leaves the first one; `async with` it in a fixture.

    *url* is "memory:" or any SQLite URL for files in a temporary folder, or names a PostgreSQL or
    MariaDB server and a database on it, which is connected to and not changed. *prepare* gets a
    started `Database`: `lambda db: db.migrations("migrations").up()`. Model calls in it name the
    database when others are open. On MariaDB and MySQL, which
    can't copy, it runs for each clone. *options* are those of `Database`.
    """

    def __init__(self, url: str, prepare: Prepare, **options: object) -> None:
        self._url, self._prepare, self._options = url, prepare, options
        self._templates: Templates = _templates(url, self._prepared)

    async def __aenter__(self) -> Self:
        try:
            await self._templates.start()
        except BaseException:
            await self._templates.close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._templates.close()

    @asynccontextmanager
    async def url(self) -> AsyncGenerator[str]:
        """Give the URL of a copy, removed at the end; its connections should be closed by then."""
        name = f"mizzen_{secrets.token_hex(6)}"
        url = await self._templates.clone(name)
        try:
            yield url
        finally:
            await self._templates.drop(name)

    @asynccontextmanager
    async def database(self) -> AsyncGenerator[Database]:
        """Give a started database, a copy of its own, removed at the end."""
        async with self.url() as url, self._opened(url) as database:
            yield database

    async def _prepared(self, url: str) -> None:
        async with self._opened(url) as database:
            await self._prepare(database)

    def _opened(self, url: str) -> Database:
        options: dict[str, object] = self._options
        return Database(url, **options)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


def run_name(url: str) -> str:
    """Return a name for the template that the processes of this test run have in common."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID") or f"{os.getpid()}-{secrets.token_hex(4)}"
    said = f"{run}\0{url}"
    return f"mizzen_template_{hashlib.sha256(said.encode()).hexdigest()[:12]}"


def _templates(url: str, prepare: Callable[[str], Awaitable[None]]) -> Templates:
    scheme = scheme_of(url)
    if scheme in {"memory", "sqlite"}:
        from .template_sqlite import SQLiteTemplates

        return SQLiteTemplates(run_name(url), prepare)
    if scheme in {"postgresql", "postgres"}:
        from .template_postgresql import PostgreSQLTemplates

        return PostgreSQLTemplates(url, run_name(url), prepare)
    if scheme in {"mysql", "mariadb"}:
        from .template_mysql import MySQLTemplates

        return MySQLTemplates(url, prepare)
    raise ConfigurationError(
        f'no template can be made of a "{scheme}:" database; SQLite, PostgreSQL, MariaDB and MySQL '
        "have one."
    )

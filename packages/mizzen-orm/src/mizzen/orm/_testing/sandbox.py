"""A sandbox: whatever is written inside is gone afterwards."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NoReturn

from .._connections import sessions
from .._connections.direct import Straight
from .._connections.engine_direct import EngineDirect
from .._connections.finish import finish
from .._errors import ConfigurationError
from .one_connection import OneConnection

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from sqlalchemy.ext.asyncio import AsyncConnection

    from .._database import Database

_SECONDS = 30.0


@asynccontextmanager
async def sandbox(db: Database) -> AsyncGenerator[Database]:
    """Roll everything back at the end, what other tasks and `db.engine` write included.

    All of it happens on one connection: transactions are savepoints that take turns, reads see what
    an open transaction has not committed yet. `after_commit` callbacks run when they would.
    Isolation levels and replicas are left out, migrations are refused; MariaDB and MySQL commit
    what creates or alters tables.
    """
    database: Any = db
    if sessions.ambient(db) is not None:
        raise ConfigurationError("open the sandbox outside of transactions and sessions.")
    outer = await db.engine.connect()
    try:
        await outer.begin()
        adapted = (await outer.get_raw_connection()).dbapi_connection
        shared = OneConnection(
            adapted,
            timeout=getattr(db.driver, "_timeout", _SECONDS),
            aborts=outer.dialect.name == "postgresql",
        )
        held = _diverted(database, shared)
        try:
            yield db
        finally:
            _restored(database, held)
    finally:
        await finish(_closed(outer))


def _diverted(database: Any, shared: OneConnection) -> dict[str, Any]:
    driver = database.driver
    held = {
        "reader": driver.reader,
        "writer": driver.writer,
        "migrator": driver.__dict__.get("migrator"),
        "straight": database._straight,
        "replicas": database._replicas,
        "caching": database._watch.caching,
    }
    driver.reader = shared.engine(held["reader"], writes=False)
    driver.writer = shared.engine(held["writer"], writes=True)
    driver.migrator = _refuse
    if held["straight"] is not None:
        direct = EngineDirect(driver.reader, driver.writer)
        database._straight = Straight(direct, held["writer"].dialect)
    database._replicas = None
    database._watch.caching = None  # nobody outside may read what is rolled back
    database._watch.attach()
    return held


def _restored(database: Any, held: dict[str, Any]) -> None:
    driver = database.driver
    driver.reader, driver.writer = held["reader"], held["writer"]
    if held["migrator"] is None:
        del driver.migrator
    else:
        driver.migrator = held["migrator"]
    database._straight, database._replicas = held["straight"], held["replicas"]
    database._watch.caching = held["caching"]
    database._watch.attach()


def _refuse() -> NoReturn:
    raise ConfigurationError(
        "migrations have connections of their own and can't be rolled back by a sandbox: "
        "run them before it, or test them on a TemplateDatabase."
    )


async def _closed(outer: AsyncConnection) -> None:
    await outer.rollback()
    await outer.close()

"""Sessions and transactions: which session a model's call uses, and how each one ends.

A *frame* is one open `db.session()` or `db.transaction()`. The innermost frame of the running
context is ambient: model calls use it. Tasks started inside share it, one call at a time, because
a session serves one task at once.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import event, inspect
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import make_transient
from sqlalchemy.orm.exc import ObjectDeletedError

from ._finish import finish

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from ._database import Database


@dataclass(eq=False)
class Frame:
    """One open session or transaction."""

    database: Database
    session: AsyncSession
    writes: bool
    outer: Frame | None
    created: list[object] = field(default_factory=list[object])
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    open: bool = True


_ambient: ContextVar[Frame | None] = ContextVar("mizzen_orm_frame", default=None)


def ambient(database: Database | None = None) -> Frame | None:
    """Return the innermost open frame, of *database* when one is given."""
    frame = _ambient.get()
    while frame is not None:
        if frame.open and (database is None or frame.database is database):
            return frame
        frame = frame.outer
    return None


@asynccontextmanager
async def reading(database: Database) -> AsyncGenerator[AsyncSession]:
    """A session for reads: the ambient one, or one that lasts for the block."""
    frame = ambient(database)
    if frame is not None and frame.writes:
        yield frame.session
        return
    async with _session(database) as session, _entered(database, session, [], writes=False):
        yield session


@asynccontextmanager
async def transaction(database: Database) -> AsyncGenerator[AsyncSession]:
    """All or nothing: a transaction, or a savepoint inside the ambient one."""
    frame = ambient(database)
    if frame is not None and frame.writes:
        entered = _entered(database, frame.session, frame.created, writes=True)
        async with frame.turn, _savepoint(frame.session), entered:
            yield frame.session
        return
    session = AsyncSession(database.engine, expire_on_commit=False)
    created = _watch_created(session)
    try:
        async with _entered(database, session, created, writes=True):
            yield session
        with database.explained():
            await finish(session.commit())
        database.count("transactions_total")
    except BaseException:
        database.count("rollbacks_total")
        await finish(_roll_back(session, created))
        raise
    finally:
        await finish(session.close())


@asynccontextmanager
async def reader(database: Database) -> AsyncGenerator[AsyncSession]:
    """The session of one read: the ambient one in turn, or one of its own."""
    frame = ambient(database)
    if frame is None:
        async with _session(database) as session:
            with database.explained():
                yield session
        return
    async with frame.turn:
        with database.explained():
            yield frame.session
        if not frame.writes:
            # Reads give free-standing objects, in a session as out of it: a later write takes
            # them along, and a second read never shows what the first one remembered.
            frame.session.expunge_all()


@asynccontextmanager
async def writer(database: Database) -> AsyncGenerator[AsyncSession]:
    """The session of one write: the ambient transaction in turn, or one of its own."""
    frame = ambient(database)
    if frame is not None and frame.writes:
        async with frame.turn:
            with database.explained():
                yield frame.session
        return
    async with transaction(database) as session:
        with database.explained():
            yield session


@asynccontextmanager
async def _session(database: Database) -> AsyncGenerator[AsyncSession]:
    session = AsyncSession(database.reader, expire_on_commit=False, autoflush=False)
    try:
        yield session
    finally:
        # Objects first: ending the transaction would empty them.
        session.expunge_all()
        await finish(session.close())


@asynccontextmanager
async def _entered(
    database: Database, session: AsyncSession, created: list[object], *, writes: bool
) -> AsyncGenerator[None]:
    frame = Frame(database, session, writes, _ambient.get(), created)
    token = _ambient.set(frame)
    try:
        yield
    finally:
        frame.open = False
        _ambient.reset(token)


@asynccontextmanager
async def _savepoint(session: AsyncSession) -> AsyncGenerator[None]:
    point = session.begin_nested()
    await point.start()
    try:
        yield
        await finish(point.__aexit__(None, None, None))
    except BaseException as error:
        await finish(point.__aexit__(type(error), error, error.__traceback__))
        await finish(_reload_expired(session))
        raise


async def _reload_expired(session: AsyncSession) -> None:
    # A rolled back savepoint empties what it had touched; in async code nothing refills it later.
    for instance in list(session):
        if inspect(instance).expired_attributes:
            try:
                await session.refresh(instance)
            except (ObjectDeletedError, SQLAlchemyError):
                session.expunge(instance)


def _watch_created(session: AsyncSession) -> list[object]:
    created: list[object] = []

    def remember(_session: object, instance: object) -> None:
        created.append(instance)

    event.listen(session.sync_session, "pending_to_persistent", remember)
    return created


async def _roll_back(session: AsyncSession, created: list[object]) -> None:
    # Objects keep their values (a rollback would empty them), and what was created is new again.
    session.expunge_all()
    await session.rollback()
    for instance in created:
        if inspect(instance).key is not None:
            make_transient(instance)

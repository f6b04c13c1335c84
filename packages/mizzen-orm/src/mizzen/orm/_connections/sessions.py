"""Sessions and transactions: which session a model's call uses, and how each one ends.

A *frame* is one open `db.session()` or `db.transaction()`. The innermost frame of the running
context is ambient: model calls use it. Tasks started inside share it, one call at a time, because
a session serves one task at once.
"""

from __future__ import annotations

import asyncio
import math
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from .._errors import OrmError
from .._tenancy import acting
from .failures import refuse_to_go_on
from .finish import finish
from .guarding import GuardedSession
from .isolation import AS_IT_IS, Mode
from .savepoints import savepoint
from .written import Written

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator

    from sqlalchemy.ext.asyncio import AsyncEngine

    from .._core import Core


@dataclass(eq=False)
class Frame:
    """One open session or transaction."""

    database: Core
    session: AsyncSession
    writes: bool
    outer: Frame | None
    written: Written = field(default_factory=Written)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    open: bool = True
    mode: Mode = AS_IT_IS
    committed: bool = False
    wrote: float = -math.inf  # when something inside last wrote; kept where there are replicas


_ambient: ContextVar[Frame | None] = ContextVar("mizzen_orm_frame", default=None)


def ambient(database: Core | None = None) -> Frame | None:
    """Return the innermost open frame, of *database* when one is given."""
    frame = _ambient.get()
    while frame is not None:
        if frame.open and (database is None or frame.database is database):
            return frame
        frame = frame.outer
    return None


def writes_of(database: Core) -> list[float]:
    """Return when the open blocks of *database* last wrote, for its replicas."""
    return [frame.wrote for frame in _blocks(database)]


def remember_write(database: Core) -> None:
    """Let reads that follow a write be the primary's for a while, if there are replicas."""
    if database.replicas is not None:
        now = database.replicas.sticky.wrote()
        for frame in _blocks(database):
            frame.wrote = now


def writing(database: Core) -> Written:
    """Return what the innermost open transaction has written."""
    frame = ambient(database)
    if frame is None:
        raise RuntimeError("no transaction is open")
    return frame.written


@asynccontextmanager
async def reading(database: Core) -> AsyncGenerator[AsyncSession]:
    """A session for reads: the ambient one, or one that lasts for the block."""
    frame = ambient(database)
    if frame is not None and frame.writes:
        yield frame.session
        return
    async with _session(database) as session, _entered(_reads(database, session)):
        yield session


@asynccontextmanager
async def transaction(database: Core, mode: Mode = AS_IT_IS) -> AsyncGenerator[AsyncSession]:
    """All or nothing: a transaction, or a savepoint inside the ambient one."""
    outer = ambient(database)
    if outer is not None and outer.writes:
        mode.require_inside(outer.mode)
        async with _part(outer) as session:
            yield session
        return
    session = AsyncSession(
        mode.engine(database),
        expire_on_commit=False,
        sync_session_class=GuardedSession,
        info=acting.info(database),
    )
    written = Written(listened=bool(database.feed))
    written.watch(session)
    if database.caching is not None:
        database.caching.follow(session, written)
    frame = Frame(database, session, True, _ambient.get(), written, mode=mode)
    try:
        async with _entered(frame):
            await mode.begin(database, session)
            yield session
        with database.explained():
            await finish(_commit(frame))
    except BaseException as error:
        await finish(_end(frame))
        if frame.committed:  # cancelled meanwhile: it is saved, and whoever waits for that is told
            await finish(written.committed(database))
        else:
            await written.rolled_back(error)
        raise
    finally:
        if not mode.readonly:
            remember_write(database)
    await written.committed(database)


@asynccontextmanager
async def reader(database: Core) -> AsyncGenerator[AsyncSession]:
    """The session of one read: the ambient one in turn, or one of its own."""
    frame = ambient(database)
    if frame is None or _is_behind(frame):
        async with _session(database) as session:
            with database.explained():
                yield session
        return
    async with frame.turn:
        if frame.writes:
            refuse_to_go_on(database, frame.session)
        try:
            with database.explained():
                yield frame.session
        except OrmError:
            if not frame.writes:  # PostgreSQL would refuse every other read of the block
                frame.session.expunge_all()
                await finish(_roll_back(frame.session))
            raise
        if not frame.writes:
            # Reads give free-standing objects, in a session as out of it: a later write takes
            # them along, and a second read never shows what the first one remembered.
            frame.session.expunge_all()


@asynccontextmanager
async def writer(database: Core) -> AsyncGenerator[AsyncSession]:
    """The session of one write: the ambient transaction in turn, or one of its own."""
    frame = ambient(database)
    if frame is not None and frame.writes:
        async with frame.turn:
            refuse_to_go_on(database, frame.session)
            with database.explained():
                yield frame.session
        return
    async with transaction(database) as session:
        with database.explained():
            yield session


@asynccontextmanager
async def _session(database: Core) -> AsyncGenerator[AsyncSession]:
    of_reads = partial(_of_reads, acting.info(database))
    if database.replicas is None:
        session = of_reads(database.reader)
    else:
        session = await database.replicas.session(of_reads, writes_of(database))
    try:
        yield session
    finally:
        # Objects first: ending the transaction would empty them.
        session.expunge_all()
        await finish(_let_go(session))


async def _let_go(session: AsyncSession) -> None:
    try:
        await session.close()
    except (SQLAlchemyError, OSError):
        # The connection was lost after the last answer: that one is good, and only the connection
        # has to go.
        await session.invalidate()


def _of_reads(info: dict[str, object] | None, engine: AsyncEngine) -> AsyncSession:
    return AsyncSession(
        engine,
        expire_on_commit=False,
        autoflush=False,
        sync_session_class=GuardedSession,
        info=info,
    )


def _blocks(database: Core) -> Iterator[Frame]:
    frame = _ambient.get()
    while frame is not None:
        if frame.open and frame.database is database:
            yield frame
        frame = frame.outer


def _is_behind(frame: Frame) -> bool:
    # Its session reads from a replica, and something was written since.
    database = frame.database
    if frame.writes or database.replicas is None or frame.session.bind is database.reader:
        return False
    return database.replicas.sticky.holds(writes_of(database))


@asynccontextmanager
async def _entered(frame: Frame) -> AsyncGenerator[None]:
    token = _ambient.set(frame)
    try:
        yield
    finally:
        frame.open = False
        _ambient.reset(token)


def _reads(database: Core, session: AsyncSession) -> Frame:
    return Frame(database, session, False, _ambient.get())


@asynccontextmanager
async def _part(outer: Frame) -> AsyncGenerator[AsyncSession]:
    """A savepoint inside the transaction *outer*."""
    mark = outer.written.mark()
    inner = Frame(
        outer.database, outer.session, True, _ambient.get(), outer.written, mode=outer.mode
    )
    try:
        async with outer.turn, savepoint(outer.database, outer.session), _entered(inner):
            yield inner.session
    except BaseException as error:
        await outer.written.roll_back_to(mark, error)
        raise


async def _commit(frame: Frame) -> None:
    if not frame.mode.readonly:
        refuse_to_go_on(frame.database, frame.session)
    await frame.session.commit()
    frame.committed = True
    frame.database.count("transactions_total")
    await frame.session.close()


async def _end(frame: Frame) -> None:
    if frame.committed:
        await frame.session.close()
        return
    frame.database.count("rollbacks_total")
    # Objects keep their values; a rollback would empty them.
    frame.session.expunge_all()
    try:
        await _roll_back(frame.session)
    finally:
        frame.written.take_back()
        await frame.session.close()


async def _roll_back(session: AsyncSession) -> None:
    try:
        await session.rollback()
    except (SQLAlchemyError, OSError):
        # The connection is lost, and the transaction with it: the caller hears what came before.
        await session.invalidate()

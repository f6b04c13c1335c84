"""Savepoints: the part of a transaction that can fail by itself."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from sqlalchemy import inspect
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm.exc import ObjectDeletedError

from .failures import refuse_to_go_on
from .finish import finish

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from sqlalchemy.ext.asyncio import AsyncSession, AsyncSessionTransaction

    from .._core import Core


@asynccontextmanager
async def savepoint(database: Core, session: AsyncSession) -> AsyncGenerator[None]:
    """All or nothing of what *session* does in the block."""
    refuse_to_go_on(database, session)
    point = session.begin_nested()
    await point.start()
    try:
        yield
        refuse_to_go_on(database, session)
        await finish(point.__aexit__(None, None, None))
    except BaseException as error:
        await finish(_undo(point, error))
        await finish(_reload_expired(session))
        raise


async def _undo(point: AsyncSessionTransaction, error: BaseException) -> None:
    try:
        await point.__aexit__(type(error), error, error.__traceback__)
    except (SQLAlchemyError, OSError) as lost:
        # Without a connection there is nothing to go back to, and the whole transaction fails.
        error.add_note(f"and its savepoint could not be rolled back: {type(lost).__name__}")


async def _reload_expired(session: AsyncSession) -> None:
    # A rolled back savepoint empties what it had touched; in async code nothing refills it later.
    for instance in list(session):
        if inspect(instance).expired_attributes:
            try:
                await session.refresh(instance)
            except (ObjectDeletedError, SQLAlchemyError):
                session.expunge(instance)

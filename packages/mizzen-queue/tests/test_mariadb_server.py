"""What is MariaDB's own: its transactions, its limits, and what it does when it fails."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from mizzen.queue import Queue, QueueError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

pytestmark = [pytest.mark.extra("asyncmy"), pytest.mark.extra("sqlalchemy")]


@asynccontextmanager
async def engine_of(url: str) -> AsyncGenerator[Any]:
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine(url.replace("mysql://", "mysql+asyncmy://"))
    try:
        yield engine
    finally:
        await engine.dispose()


@asynccontextmanager
async def alchemy_session(url: str) -> AsyncGenerator[Any]:
    from sqlalchemy.ext.asyncio import AsyncSession

    async with engine_of(url) as engine, AsyncSession(engine) as session, session.begin():
        yield session


@asynccontextmanager
async def alchemy_sync_session(url: str) -> AsyncGenerator[Any]:
    from sqlalchemy import create_engine
    from sqlalchemy.orm import Session

    engine = create_engine(url.replace("mysql://", "mysql+pymysql://"))
    try:
        with Session(engine) as session, session.begin():
            yield session
    finally:
        engine.dispose()


@pytest.mark.parametrize("begin", [alchemy_session, alchemy_sync_session])
async def test_a_job_commits_with_the_session(mariadb_url: str, begin: Any) -> None:
    async with Queue(mariadb_url) as q:

        @q.job
        async def greet(name: str) -> str:
            return f"hello {name}"

        @q.job(unique="one:{name}")
        async def once(name: str) -> None: ...

        async with begin(mariadb_url) as session:
            first, *_ = await q.enqueue_many([greet("% \\ ' 😀"), greet("b")], tx=session)
            only = await once("a").enqueue(tx=session)
            again = await once("a").enqueue(tx=session)
            assert (await q.counts())["queued"] == 0
        assert (await q.counts())["queued"] == 3
        assert only.id == again.id
        assert not again.is_new
        async with q.worker():
            assert await first.result(timeout=5) == "hello % \\ ' 😀"

        class Rollback(Exception):
            pass

        with pytest.raises(Rollback):
            async with begin(mariadb_url) as session:
                await greet("c").enqueue(tx=session)
                raise Rollback
        assert (await q.counts())["queued"] == 0


async def test_a_session_elsewhere_is_refused(mariadb_url: str, tmp_path: Path) -> None:
    async with Queue(f"sqlite:///{tmp_path}/app.db") as q, alchemy_session(mariadb_url) as session:

        @q.job
        async def one() -> None: ...

        with pytest.raises(QueueError, match="on mariadb, but this queue's jobs are in sqlite"):
            await one().enqueue(tx=session)

"""What auth costs: logins against the bare hash, a request against bare Starlette, a look-up."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from argon2 import PasswordHasher
from sqlalchemy import ForeignKey, select
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, joinedload, mapped_column, relationship
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from table import Figure, alternate

from mizzen.auth import Auth, Session

PASSWORD = "violet harbour at noon"
LOGINS = 12


def measure() -> list[Figure]:
    """Return all figures; SQLite files lie in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner() as runner:
        auth = runner.run(_with_users(f"sqlite:///{folder}/app.db"))
        try:
            return [
                *_logins(runner, auth),
                _request(runner, auth),
                _lookup(runner, auth, f"sqlite+aiosqlite:///{folder}/peer.db"),
            ]
        finally:
            runner.run(auth.aclose())


async def _with_users(url: str) -> Auth:
    auth = await Auth(url).start()
    for number in range(LOGINS):
        await auth.register(username=f"u{number}", password=PASSWORD)
    return auth


def _logins(runner: asyncio.Runner, auth: Auth) -> list[Figure]:
    stalls: list[float] = []

    async def all_at_once() -> float:
        watch = asyncio.create_task(_longest_stall())
        begun = time.perf_counter()
        names = (f"u{number}" for number in range(LOGINS))
        outcomes = await asyncio.gather(*(auth.login(name, PASSWORD) for name in names))
        took = time.perf_counter() - begun
        watch.cancel()
        stalls.append(await watch)
        assert all(isinstance(outcome, Session) for outcome in outcomes)
        return LOGINS / took

    bare = PasswordHasher(2, 19 * 1024, 1)
    encoded = bare.hash(PASSWORD)

    def hashes() -> float:
        begun = time.perf_counter()
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(lambda _: bare.verify(encoded, PASSWORD), range(LOGINS)))
        return LOGINS / (time.perf_counter() - begun)

    ours, peer = alternate(lambda: runner.run(all_at_once()), hashes)
    rate = Figure("12 logins at once, per s", ours, peer, "argon2 in threads", 0.9, False)
    stall = sorted(stalls)[len(stalls) // 2] * 1000
    return [rate, Figure("loop stall meanwhile, ms", stall, 10.0, "limit of 10 ms", 1.0)]


async def _longest_stall() -> float:
    longest = 0.0
    try:
        while True:
            begun = time.perf_counter()
            await asyncio.sleep(0.001)
            longest = max(longest, time.perf_counter() - begun - 0.001)
    except asyncio.CancelledError:
        return longest


def _request(runner: asyncio.Runner, auth: Auth) -> Figure:
    async def page(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"ok"})

    async def answer(request: Any) -> PlainTextResponse:
        return PlainTextResponse("ok")

    session = runner.run(_first_session(auth))
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/",
        "raw_path": b"/",
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"app"), (b"cookie", f"session={session.token}".encode())],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    ours = _rate(runner, auth.layer(page), scope)
    peer = _rate(runner, Starlette(routes=[Route("/", answer)]), scope)
    return Figure(
        "authenticated request, SQLite, uncached, per s",
        *alternate(ours, peer),
        "bare Starlette",
        0.75,
        lower_is_better=False,
    )


def _rate(runner: asyncio.Runner, app: Any, scope: dict[str, Any]) -> Any:
    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        assert message.get("status", 200) == 200

    async def many() -> float:
        begun = time.perf_counter()
        for _ in range(1000):
            await app(dict(scope), receive, send)
        return 1000 / (time.perf_counter() - begun)

    return lambda: runner.run(many())


async def _first_session(auth: Auth) -> Session:
    user = await auth.find("u0")
    assert user is not None
    return await auth.open_session(user)


class Base(DeclarativeBase):
    pass


class PeerUser(Base):
    __tablename__ = "peer_user"
    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]


class PeerSession(Base):
    __tablename__ = "peer_session"
    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("peer_user.id"))
    user: Mapped[PeerUser] = relationship()


def _lookup(runner: asyncio.Runner, auth: Auth, url: str) -> Figure:
    session = runner.run(_first_session(auth))
    engine = create_async_engine(url)
    sessions = async_sessionmaker(engine)

    async def fill() -> None:
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        async with sessions.begin() as s:
            s.add(PeerSession(id="s", user=PeerUser(id="u", name="ann")))

    async def ours() -> float:
        begun = time.perf_counter()
        for _ in range(300):
            assert await auth.session(session.token) is not None
        return (time.perf_counter() - begun) / 300 * 1e6

    async def peer() -> float:
        query = select(PeerSession).where(PeerSession.id == "s")
        begun = time.perf_counter()
        for _ in range(300):
            async with sessions() as s:
                found = (await s.scalars(query.options(joinedload(PeerSession.user)))).one()
                assert found.user.name == "ann"
        return (time.perf_counter() - begun) / 300 * 1e6

    runner.run(fill())
    figures = alternate(lambda: runner.run(ours()), lambda: runner.run(peer()))
    runner.run(engine.dispose())
    return Figure("session look-up, SQLite, uncached, us", *figures, "SQLAlchemy async ORM", 100)

"""What is provided by type: values, and factories with an end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator  # noqa: TC003
from typing import Protocol, runtime_checkable

import pytest

from mizzen.web import Context, DefinitionError, EventStream, Web


class Database:
    name = "db"


class Session:
    def __init__(self, log: list[str]) -> None:
        self.log = log


@runtime_checkable
class Named(Protocol):
    name: str


async def test_value_is_met_by_class_base_and_protocol() -> None:
    class Special(Database): ...

    web = Web()

    @web.get("/")
    async def index(a: Special, b: Database, c: Named, ctx: Context) -> bool:
        return a is b is c is ctx.use(Database) is web.provided(Special)

    web.provide(Special())
    assert (await web.test().get("/")).json() is True


async def test_providing_again_replaces() -> None:
    web = Web()

    @web.get("/")
    async def index(db: Database) -> str:
        return db.name

    for name in ("one", "two"):
        db = Database()
        db.name = name
        web.provide(db)
        assert (await web.test().get("/")).text == name


def transactional(log: list[str]) -> Web:
    web = Web()

    @web.provide
    async def session(ctx: Context, db: Database) -> AsyncIterator[Session]:
        log.append(f"begin {db.name} {ctx.path}")
        try:
            yield Session(log)
        except BaseException as exc:
            log.append(f"rollback {type(exc).__name__}")
            raise
        log.append("commit")

    web.provide(Database())
    return web


async def test_factory_runs_once_a_request_and_ends_before_the_answer() -> None:
    log: list[str] = []
    web = transactional(log)

    @web.before
    async def early(session: Session) -> None:
        log.append("hook")

    @web.get("/")
    async def index(session: Session) -> str:
        log.append("handler")
        return "x"

    assert (await web.test().get("/")).status == 200
    assert log == ["begin db /", "hook", "handler", "commit"]


async def test_failed_request_raises_into_its_factories() -> None:
    log: list[str] = []
    web = transactional(log)

    @web.get("/")
    async def index(session: Session) -> None:
        raise KeyError("x")

    assert (await web.test().get("/")).status == 500
    assert log[-1] == "rollback KeyError"


async def test_failing_commit_is_an_error_and_not_a_told_success() -> None:
    web = Web()

    @web.provide
    def session() -> Iterator[Session]:
        yield Session([])
        raise OSError("disk full")

    @web.get("/")
    async def index(session: Session) -> str:
        return "saved"

    assert (await web.test().get("/")).status == 500


async def test_stream_keeps_its_services_to_its_end() -> None:
    log: list[str] = []
    web = transactional(log)

    @web.get("/")
    async def index(session: Session) -> EventStream:
        async def events() -> AsyncIterator[str]:
            yield "one"
            log.append("last")

        return EventStream(events())

    await web.test().get("/")
    assert log[-2:] == ["last", "commit"]


async def test_plain_and_async_factories_make_values() -> None:
    web = Web()

    @web.provide
    async def database() -> Database:
        return Database()

    @web.provide
    def session(db: Database) -> Session:
        return Session([db.name])

    @web.get("/")
    async def index(session: Session) -> list[str]:
        return session.log

    assert (await web.test().get("/")).json() == ["db"]


def test_factory_that_needs_itself_is_refused() -> None:
    web = Web()

    @web.provide
    async def database(db: Database) -> Database:
        return db

    with pytest.raises(DefinitionError, match="needs itself"):

        @web.get("/")
        async def index(db: Database) -> None: ...


def test_factory_without_a_return_annotation_is_refused() -> None:
    async def database():
        return 1

    with pytest.raises(DefinitionError, match="return annotation"):
        Web().provide(database)

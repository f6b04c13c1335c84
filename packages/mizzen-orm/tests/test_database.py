"""The component's shape, and errors that say what to do."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import pytest

from mizzen.orm import (
    ConfigurationError,
    Damaged,
    Database,
    Model,
    NotStarted,
    OrmError,
    Unavailable,
)
from mizzen.orm.testing import scratch_models

if TYPE_CHECKING:
    from pathlib import Path

MODELS = scratch_models()

with MODELS:

    class Thing(Model):
        name: str


async def test_start_and_aclose_may_be_called_again() -> None:
    database = Database()
    assert await database.start() is database
    assert await database.start() is database
    await database.aclose()
    await database.aclose()
    async with database:
        assert await database.health() == {"ok": True, "detail": {"database": "ok"}}
    assert not database.started


async def test_building_one_touches_nothing(tmp_path: Path) -> None:
    Database(f"sqlite:///{tmp_path}/none/app.db")
    Database("postgresql://nobody:secret@127.0.0.1:1/none")
    assert os.listdir(tmp_path) == []


async def test_use_before_start_says_what_to_do() -> None:
    with pytest.raises(NotStarted, match=r"call `await db.start\(\)`"):
        Database().transaction()
    with MODELS, pytest.raises(NotStarted, match="no database is open"):
        await Thing.all()


async def test_a_closed_database_is_unwell_and_does_not_raise() -> None:
    health = await Database().health()
    assert health["ok"] is False
    assert "not open" in str(health["detail"])


async def test_of_two_open_databases_one_must_be_named() -> None:
    with MODELS:
        async with Database() as one, Database() as two:
            await one.create_all()
            await two.create_all()
            with pytest.raises(NotStarted, match="2 databases are open"):
                await Thing.all()
            async with one.transaction():
                await Thing.create(name="in one")
            async with two.session():
                assert await Thing.all() == []
            await Thing.using(two).create(name="in two")
            assert await Thing.using(one).pluck("name") == ["in one"]
            assert await Thing.using(two).pluck("name") == ["in two"]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("oracle://x", "known are mariadb:, memory:, mysql:, postgres:, postgresql:, sqlite:"),
        ("app.db", "is not a database URL"),
        ("sqlite:app.db", "is not a SQLite URL"),
        ("sqlite:///app.db?mode=ro", "options in SQLite URLs"),
        ("postgresql://a:secret@h:port/x", "is not a PostgreSQL URL"),
    ],
)
def test_an_unusable_url_is_explained_without_its_password(url: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Database(url)
    assert said in str(caught.value)
    assert "secret" not in str(caught.value)


async def test_a_missing_folder_and_a_damaged_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"none/app.db"):
        await Database(f"sqlite:///{tmp_path}/none/app.db").start()
    damaged = tmp_path / "damaged.db"
    damaged.write_bytes(b"this is no database, " * 500)
    with pytest.raises(Damaged, match=r"damaged.db"):
        await Database(f"sqlite:///{damaged}").start()


@pytest.mark.extra("psycopg")
async def test_an_unreachable_server_is_named_without_its_password() -> None:
    with pytest.raises(Unavailable) as caught:
        await Database("postgresql://ann:secret@127.0.0.1:1/app").start()
    assert "ann:***@127.0.0.1:1/app" in str(caught.value)
    assert "secret" not in str(caught.value)


async def test_reprs_carry_no_password_and_stats_are_flat() -> None:
    closed = Database("postgresql://ann:secret@db/app?password=secret")
    expected = "<mizzen.orm.Database postgresql://ann:***@db/app: closed>"
    assert repr(closed) == repr(closed.view()) == expected
    async with Database() as database:
        assert all(isinstance(value, int | float) for value in database.stats().values())
        shown = database.view()._repr_html_()  # pyright: ignore[reportPrivateUsage]
        assert "transactions" in shown


async def test_what_was_in_memory_is_gone_after_closing() -> None:
    with MODELS:
        database = Database()
        for _ in range(2):
            async with database:
                await database.create_all()
                assert await Thing.all().count() == 0
                await Thing.create(name="x")


async def test_connections_do_not_cross_a_fork() -> None:
    async with Database() as database:
        pid = os.getpid
        os.getpid = lambda: -1
        try:
            with pytest.raises(NotStarted, match="forked"):
                database.session()
        finally:
            os.getpid = pid


async def test_a_view_follows_until_it_is_closed() -> None:
    async with Database() as database:
        view = database.view(every=0.01)
        bundle = view._repr_mimebundle_()  # pyright: ignore[reportPrivateUsage]
        assert set(bundle) == {"text/plain", "text/html"}
        view.close()
        await asyncio.sleep(0)


def test_every_error_is_one_of_ours() -> None:
    import mizzen.orm

    errors = [getattr(mizzen.orm, name) for name in mizzen.orm.__all__]
    kinds = [kind for kind in errors if isinstance(kind, type) and issubclass(kind, Exception)]
    assert kinds
    assert all(issubclass(kind, OrmError) for kind in kinds)

"""PostgreSQL: two processes, a server that restarts, errors without a password in them."""

from __future__ import annotations

import pytest

from mizzen.auth import Auth, Session, StoreError
from mizzen.auth.testing import cheap_hasher

pytestmark = pytest.mark.extra("psycopg")
GOOD = "violet harbour at noon"


async def test_session_revoked_through_one_server_is_gone_at_the_other(postgres_url: str) -> None:
    async with (
        Auth(postgres_url, hasher=cheap_hasher()) as here,
        Auth(postgres_url, hasher=cheap_hasher()) as there,
    ):
        await here.register(username="ann", password=GOOD)
        session = await there.login("ann", GOOD)
        assert isinstance(session, Session)
        assert await here.session(session.token) is not None
        await there.revoke_all(session.user)
        assert await here.session(session.token) is None
        token = here.tokens.sign("invite", 1)
        assert there.tokens.read("invite", token) == 1


async def test_lost_connections_are_replaced(postgres_url: str) -> None:
    import psycopg

    async with Auth(postgres_url, hasher=cheap_hasher()) as auth:
        ann = await auth.register(username="ann", password=GOOD)
        with psycopg.connect(postgres_url, autocommit=True) as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        assert await auth.user(ann.id) == ann
        assert await auth.open_session(ann)


async def test_server_that_is_away_gives_a_clear_error_without_the_password() -> None:
    auth = Auth("postgresql://ann:hunter2@127.0.0.1:1/app")
    with pytest.raises(StoreError, match=r"postgresql://ann:\*\*\*@127.0.0.1:1/app") as failed:
        await auth.start()
    assert "hunter2" not in str(failed.value)
    assert "hunter2" not in repr(auth)
    assert not auth.started

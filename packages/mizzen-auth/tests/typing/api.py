"""The public API as users write it; checked by pyright and mypy, never run."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, assert_type

from mizzen.auth import Argon2, Auth, Refused, Session, User, Visit

if TYPE_CHECKING:
    from mizzen.auth.abc import Hasher, UserStore


async def users(auth: Auth) -> None:
    user = await auth.register(email="a@b", password="…", username="ann", name="Ann")
    assert_type(user, User)
    assert_type(await auth.user(user.id), User | None)
    assert_type(await auth.find("ann"), User | None)
    outcome = await auth.login("ann", "…", address="192.0.2.1", device="a browser")
    assert_type(outcome, Session | Refused)
    if isinstance(outcome, Refused):
        assert_type(outcome.retry_after, float | None)
        return
    assert_type(outcome.token, str)
    assert_type(outcome.user, User)
    await auth.change_password(user, current="…", new="…", keep=outcome)
    assert_type(await auth.sessions(user.id), list[Session])
    assert_type(await auth.revoke(outcome), bool)
    assert_type(await auth.revoke_all(user, keep=outcome), int)


async def component(store: UserStore, hasher: Hasher) -> None:
    async with Auth(store, secret=["…", "…"], idle=timedelta(days=1), hasher=hasher) as auth:
        assert_type(auth, Auth)
        assert_type(await auth.health(), dict[str, object])
        assert_type(auth.stats(), dict[str, float])
    async with Auth("sqlite:///app.db", hasher=Argon2(time_cost=3), absolute="30d") as auth:
        token = auth.tokens.sign("verify-email", {"id": 1}, ttl="1d")
        assert_type(token, str)
        auth.tokens.read("verify-email", token)


async def served(auth: Auth, scope: dict[str, Any]) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        visit: Visit = scope["auth"]
        assert_type(visit.user, User | None)
        assert_type(await visit.login("ann", "…"), Session | Refused)
        await visit.forget()

    layer = auth.layer(app, headers={"x-frame-options": None})
    auth.layer(layer)
    assert_type(await auth.identify(scope), User | None)

"""Sessions: what a token opens, for how long, and how it ends."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import hashlib
import pickle
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from mizzen.auth import Auth, AuthError, NotStarted, Session, UnknownUser
from mizzen.auth.testing import FrozenClock, cheap_hasher

if TYPE_CHECKING:
    from collections.abc import Callable

GOOD = "violet harbour at noon"


async def logged_in(auth: Auth, username: str = "ann") -> Session:
    if await auth.find(username) is None:
        await auth.register(username=username, password=GOOD)
    session = await auth.login(username, GOOD, address="192.0.2.1", device="a browser")
    assert isinstance(session, Session)
    return session


async def test_token_opens_the_session_it_was_issued_for(auth: Auth) -> None:
    session = await logged_in(auth)
    found = await auth.session(session.token)
    assert found == session
    assert found is not None
    assert found.token == session.token
    assert found.user.username == "ann"


@pytest.mark.parametrize("token", ["", "x", "\0" * 43, "\ud800" * 43, "é" * 43, "x" * 10_000_000])
async def test_what_cannot_be_a_token_is_turned_away_without_asking_the_store(
    auth: Auth, token: str
) -> None:
    assert await auth.session(token) is None
    assert await auth.revoke(token) is False
    assert auth.stats()["sessions_looked_up_total"] == 0


async def test_stolen_database_holds_no_token(open_auth: Callable[[], Auth], database: str) -> None:
    async with open_auth() as auth:
        session = await logged_in(auth)
        with closing(sqlite3.connect(database.removeprefix("sqlite:///"))) as file:
            everything = "\n".join(file.iterdump())
    assert session.token not in everything
    assert GOOD not in everything
    assert hashlib.sha256(session.token.encode()).hexdigest() in everything
    async with open_auth() as auth:
        assert await auth.session(session.id) is None


async def test_token_is_in_no_repr_and_no_pickle(auth: Auth) -> None:
    session = await logged_in(auth)
    copy = pickle.loads(pickle.dumps(session))
    assert copy == session
    with pytest.raises(AuthError, match="only a hash"):
        _ = copy.token
    shown = f"{session!r} {session} {auth!r} {auth._repr_html_()} {auth.tokens!r} {auth.stats()}"
    assert session.token not in shown
    assert session.token.encode() not in pickle.dumps(session)


async def test_listed_sessions_have_device_address_and_last_use_but_no_token(
    auth: Auth, clock: FrozenClock
) -> None:
    first = await logged_in(auth)
    clock.advance("1h")
    second = await logged_in(auth)
    clock.advance("1h")
    await auth.session(first.token)
    listed = await auth.sessions(first.user)
    assert {s.id for s in listed} == {first.id, second.id}
    by_id = {s.id: s for s in listed}
    assert by_id[first.id].last_used_at.timestamp() == clock.now
    assert by_id[second.id].last_used_at.timestamp() == clock.now - 3600
    assert by_id[first.id].device == "a browser"
    assert by_id[first.id].address == "192.0.2.1"
    with pytest.raises(AuthError, match="only a hash"):
        _ = by_id[first.id].token


async def test_what_a_browser_says_of_itself_is_cut_and_made_printable(auth: Auth) -> None:
    await auth.register(username="ann", password=GOOD)
    session = await auth.login(
        "ann", GOOD, address="\0" * 1000, device="<b>\0\ud800\x1b[31m" + "x" * 10_000
    )
    assert isinstance(session, Session)
    assert session.device.startswith("<b>???[31mxxx")
    assert (len(session.device), len(session.address)) == (256, 64)
    assert await auth.sessions(session.user) == [session]


async def test_revoked_session_is_gone_and_the_others_stay(auth: Auth) -> None:
    one, two, three = [await logged_in(auth) for _ in range(3)]
    assert await auth.revoke(one)
    assert not await auth.revoke(one.token)
    listed = {s.id: s for s in await auth.sessions(one.user)}
    assert await auth.revoke(listed[two.id])
    assert [await auth.session(s.token) is not None for s in (one, two, three)] == [
        False,
        False,
        True,
    ]


async def test_revoke_all_ends_one_users_sessions_but_the_kept(auth: Auth) -> None:
    one, two, bobs = await logged_in(auth), await logged_in(auth), await logged_in(auth, "bob")
    assert await auth.revoke_all(one.user, keep=two) == 1
    assert await auth.session(one.token) is None
    assert await auth.session(two.token) is not None
    assert await auth.revoke_all(one.user.id) == 1
    assert await auth.session(bobs.token) is not None


async def test_session_ends_when_it_was_idle(auth: Auth, clock: FrozenClock) -> None:
    session = await logged_in(auth)
    for _ in range(3):
        clock.advance("13d")
        assert await auth.session(session.token) is not None
    clock.advance("14d")
    assert await auth.session(session.token) is None
    assert await auth.sessions(session.user) == []


async def test_session_ends_at_its_absolute_time_however_busy(
    auth: Auth, clock: FrozenClock
) -> None:
    session = await logged_in(auth)
    for _ in range(89):
        clock.advance("1d")
        assert await auth.session(session.token) is not None
    clock.advance("1d")
    assert session.expires_at.timestamp() == clock.now
    assert await auth.session(session.token) is None


async def test_last_use_survives_a_restart(
    open_auth: Callable[[], Auth], database: str, clock: FrozenClock
) -> None:
    async with Auth(database, hasher=cheap_hasher(), clock=clock) as auth:
        session = await logged_in(auth)
        clock.advance("13d")
        assert await auth.session(session.token) is not None
    clock.advance("13d")
    async with Auth(database, hasher=cheap_hasher(), clock=clock) as auth:
        assert await auth.session(session.token) is not None


async def test_every_login_gets_a_new_id(auth: Auth) -> None:
    tokens = {(await logged_in(auth)).token for _ in range(5)}
    assert len(tokens) == 5


async def test_session_can_be_opened_without_a_password_for_a_known_user(auth: Auth) -> None:
    ann = await auth.register(username="ann", password=GOOD)
    session = await auth.open_session(ann.id)
    assert session.user == ann
    with pytest.raises(UnknownUser):
        await auth.open_session("nobody")


async def test_use_before_start_and_after_close_says_what_to_do(url: str) -> None:
    auth = Auth(url)
    with pytest.raises(NotStarted, match=r"await auth\.start"):
        await auth.session("x" * 43)
    async with auth:
        pass
    with pytest.raises(NotStarted):
        await auth.login("ann", GOOD)

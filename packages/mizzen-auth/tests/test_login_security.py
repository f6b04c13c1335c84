"""Each promise of a login, named for what it prevents."""

from __future__ import annotations

import asyncio
import logging
import threading

import anyio
import pytest
from blockbuster import blockbuster_ctx

from mizzen.auth import Argon2, Auth, Refused, Session
from mizzen.auth.testing import FrozenClock, cheap_hasher

GOOD = "violet harbour at noon"


class WatchedHasher(Argon2):
    """A cheap hasher that remembers what it was asked, and where."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_kib=8)
        self.threads: set[int] = set()
        self.at_once = 0
        self.most_at_once = 0
        self.verified: list[str] = []
        self._counting = threading.Lock()

    def verify(self, encoded: str, password: str) -> bool:
        with self._counting:
            self.threads.add(threading.get_ident())
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            self.verified.append(encoded)
        try:
            return super().verify(encoded, password)
        finally:
            with self._counting:
                self.at_once -= 1


async def test_wrong_password_and_unknown_user_look_the_same(auth: Auth) -> None:
    await auth.register(email="ann@example.org", username="ann", password=GOOD)
    for login in ("ann", "ann@example.org", "nobody", "nobody@example.org"):
        assert await auth.login(login, "a wrong password") == Refused("wrong")


async def test_unknown_user_costs_as_much_hashing_as_a_known_one() -> None:
    """CVE-2016-6210 (OpenSSH) and many others: the time of a login tells who has an account."""
    hasher = WatchedHasher()
    async with Auth(hasher=hasher) as auth:
        await auth.register(username="ann", password=GOOD)
        await auth.login("ann", "a wrong password")
        await auth.login("nobody", "a wrong password")
    known, unknown = hasher.verified
    assert known.rsplit("$", 2)[0] == unknown.rsplit("$", 2)[0]  # algorithm and cost
    assert list(map(len, known.split("$"))) == list(map(len, unknown.split("$")))


async def test_disabled_account_is_not_revealed_to_who_lacks_the_password(auth: Auth) -> None:
    ann = await auth.register(username="ann", password=GOOD)
    await auth.disable(ann)
    assert await auth.login("ann", "a wrong password") == Refused("wrong")


@pytest.mark.parametrize("login", ["", "\0", "\ud800", "x" * 10_000_000, "a@" + "b" * 300])
@pytest.mark.parametrize("password", ["", "\0", "\ud800", "x" * 10_000_000])
async def test_hostile_input_is_refused_without_hashing(
    auth: Auth, login: str, password: str
) -> None:
    assert await auth.login(login, GOOD) == Refused("wrong")
    before = auth.stats()["password_hashes_total"]
    await auth.login("ann", password)
    assert auth.stats()["password_hashes_total"] - before == (password == "")


def test_refusal_in_a_careless_condition_keeps_people_out() -> None:
    assert not Refused("wrong")


async def test_failures_on_one_account_are_limited_and_say_when_to_retry(
    auth: Auth, clock: FrozenClock
) -> None:
    await auth.register(username="ann", password=GOOD)
    for _ in range(10):
        assert await auth.login("ann", "guess") == Refused("wrong")
    limited = await auth.login("ann", GOOD)
    assert isinstance(limited, Refused)
    assert limited.reason == "too-many-attempts"
    assert limited.retry_after == pytest.approx(90)
    clock.advance(90)
    assert isinstance(await auth.login("ann", GOOD), Session)


async def test_guesses_made_at_once_get_no_further_than_in_a_row(auth: Auth) -> None:
    await auth.register(username="ann", password=GOOD)
    before = auth.stats()["password_hashes_total"]
    async with anyio.create_task_group() as group:
        for number in range(50):
            group.start_soon(auth.login, "ann", f"guess {number}")
    assert auth.stats()["password_hashes_total"] - before == 10
    assert auth.stats()["logins_limited_total"] == 40


async def test_unknown_account_is_limited_like_a_known_one(auth: Auth) -> None:
    outcomes = [await auth.login("nobody", "guess") for _ in range(11)]
    assert [o.reason for o in outcomes if isinstance(o, Refused)][-2:] == [
        "wrong",
        "too-many-attempts",
    ]


async def test_one_address_cannot_guess_at_every_account(clock: FrozenClock) -> None:
    async with Auth(hasher=cheap_hasher(), clock=clock, failures_per_address=5) as auth:
        await auth.register(username="ann", password=GOOD)
        for number in range(5):
            await auth.login(f"user{number}", "guess", address="2001:db8::1")
        same_network = await auth.login("ann", GOOD, address="2001:db8::ffff:2")
        elsewhere = await auth.login("ann", GOOD, address="192.0.2.1")
    assert isinstance(same_network, Refused)
    assert same_network.reason == "too-many-attempts"
    assert isinstance(elsewhere, Session)


async def test_own_account_does_not_wash_away_guesses_at_others(clock: FrozenClock) -> None:
    async with Auth(hasher=cheap_hasher(), clock=clock, failures_per_address=5) as auth:
        await auth.register(username="mallory", password=GOOD)
        for number in range(5):
            await auth.login(f"user{number}", "guess", address="192.0.2.1")
            if number < 4:
                assert isinstance(await auth.login("mallory", GOOD, address="192.0.2.1"), Session)
        assert isinstance(await auth.login("mallory", GOOD, address="192.0.2.1"), Refused)


async def test_success_forgives_the_accounts_failures(auth: Auth) -> None:
    await auth.register(username="ann", password=GOOD)
    for _ in range(3):
        for _ in range(9):
            await auth.login("ann", "typo", address="192.0.2.1")
        assert isinstance(await auth.login("ann", GOOD, address="192.0.2.1"), Session)


async def test_password_hash_is_made_anew_when_the_parameters_change(url: str) -> None:
    stronger = Argon2(time_cost=2, memory_kib=16)
    async with Auth(url, hasher=cheap_hasher()) as auth:
        ann = await auth.register(username="ann", password=GOOD)
        store = auth._store  # pyright: ignore[reportPrivateUsage]
    async with Auth(store, hasher=stronger) as auth:
        before = await store.user(ann.id)
        session = await auth.login("ann", GOOD)
        after = await store.user(ann.id)
        assert isinstance(session, Session)
        assert before is not None
        assert after is not None
        assert stronger.outdated(before.password_hash)
        assert not stronger.outdated(after.password_hash)
        assert isinstance(await auth.login("ann", GOOD), Session)
        assert await auth.session(session.token) is not None


async def test_login_that_began_before_a_password_change_opens_no_session() -> None:
    class SlowHasher(WatchedHasher):
        def verify(self, encoded: str, password: str) -> bool:
            matches = super().verify(encoded, password)
            began.set()
            changed.wait(10)
            return matches

    began, changed = threading.Event(), threading.Event()
    async with Auth(hasher=SlowHasher(), hashing_threads=2) as auth:
        ann = await auth.register(username="ann", password=GOOD)
        login = asyncio.create_task(auth.login("ann", GOOD))
        await anyio.to_thread.run_sync(began.wait)
        await auth.set_password(ann, "grey lighthouse at dusk")
        changed.set()
        assert isinstance(await login, Refused)
        assert await auth.sessions(ann) == []


async def test_twelve_logins_hash_in_a_bounded_number_of_other_threads() -> None:
    hasher = WatchedHasher()
    async with Auth(hasher=hasher, hashing_threads=2) as auth:
        for number in range(12):
            await auth.register(username=f"u{number}", password=GOOD)
        async with anyio.create_task_group() as group:
            for number in range(12):
                group.start_soon(auth.login, f"u{number}", GOOD)
    assert len(hasher.verified) == 12
    assert threading.get_ident() not in hasher.threads
    assert hasher.most_at_once <= 2


async def test_nothing_blocks_the_event_loop(database: str) -> None:
    async with Auth(database) as auth:  # the real cost of Argon2id
        with blockbuster_ctx("mizzen.auth"):
            await auth.register(username="ann", password=GOOD)
            session = await auth.login("ann", GOOD)
            assert isinstance(session, Session)
            assert await auth.session(session.token) is not None
            await auth.revoke(session)


async def test_passwords_and_tokens_reach_no_log(
    auth: Auth, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await auth.register(username="ann", password=GOOD)
    session = await auth.login("ann", GOOD)
    assert isinstance(session, Session)
    assert GOOD not in caplog.text
    assert session.token not in caplog.text


async def test_argon2id_is_used_with_owasps_parameters() -> None:
    async with Auth() as auth:
        ann = await auth.register(username="ann", password=GOOD)
        stored = await auth._store.user(ann.id)  # pyright: ignore[reportPrivateUsage]
    assert stored is not None
    assert stored.password_hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_decoy_and_damaged_hashes_match_nothing() -> None:
    hasher = cheap_hasher()
    for encoded in (hasher.decoy(), "", "damaged", "$argon2id$v=19$m=8,t=1,p=1$$", "$2b$12$abc"):
        assert not hasher.verify(encoded, GOOD)

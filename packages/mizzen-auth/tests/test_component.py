"""The shape of the component: start, close, health, figures, text, HTML and the live view."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import anyio
import pytest

from mizzen.auth import Auth, AuthError, ConfigurationError, MissingLibrary, StoreError
from mizzen.auth import _housekeeping as housekeeping
from mizzen.auth.stores.memory import MemoryStore
from mizzen.auth.testing import FrozenClock, cheap_hasher

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

GOOD = "violet harbour at noon"


async def eventually(check: Callable[[], Awaitable[bool]]) -> None:
    """Wait until a background task has done its work."""
    with anyio.fail_after(5):
        while not await check():  # noqa: ASYNC110  (the component has no event for it)
            await anyio.sleep(0.005)


async def test_start_and_close_twice_are_once_and_a_new_start_works(url: str) -> None:
    auth = Auth(url, hasher=cheap_hasher())
    assert await auth.start() is await auth.start() is auth
    await auth.register(username="ann", password=GOOD)
    await auth.aclose()
    await auth.aclose()
    assert not auth.started
    async with auth:
        assert await auth.find("ann") is not None


async def test_started_in_one_task_and_closed_in_another(url: str) -> None:
    auth = Auth(url)
    async with anyio.create_task_group() as group:
        group.start_soon(auth.start)
    async with anyio.create_task_group() as group:
        group.start_soon(auth.aclose)
    assert not auth.started


def test_the_loop_may_change_between_two_starts(url: str) -> None:
    auth = Auth(url, hasher=cheap_hasher())

    async def cell(username: str) -> int:
        async with auth:
            await auth.register(username=username, password=GOOD)
            return len(await auth.users())

    assert anyio.run(cell, "ann") == 1
    assert anyio.run(cell, "bob") == 2


def test_loop_that_ended_without_a_close_does_not_spoil_the_next(
    url: str, clock: FrozenClock
) -> None:
    auth = Auth(url, hasher=cheap_hasher(), clock=clock)

    async def first() -> str:
        await auth.start()
        return (await auth.open_session(await auth.register(username="ann", password=GOOD))).token

    async def second(token: str) -> float:
        async with auth:
            clock.advance("1h")
            await auth.session(token)
        async with auth:
            return (await auth.sessions())[0].last_used_at.timestamp()

    assert anyio.run(second, anyio.run(first)) == clock.now


async def test_health_says_what_is_wrong_and_never_raises(auth: Auth) -> None:
    assert await auth.health() == {"ok": True, "detail": {"store": "ok"}}
    await auth.aclose()
    health = await auth.health()
    assert health["ok"] is False
    assert "not started" in str(health["detail"])


async def test_stats_count_what_happened_under_stable_names(auth: Auth) -> None:
    await auth.register(username="ann", password=GOOD)
    await auth.login("ann", GOOD)
    await auth.login("ann", "wrong")
    stats = auth.stats()
    assert list(stats) == [
        "users_registered_total",
        "sessions_opened_total",
        "sessions_revoked_total",
        "sessions_looked_up_total",
        "logins_refused_total",
        "logins_limited_total",
        "passwords_rehashed_total",
        "cross_site_requests_refused_total",
        "password_hashes_total",
        "password_hashes_waiting",
        "limited_accounts_remembered",
        "limited_addresses_remembered",
    ]
    assert stats["users_registered_total"] == stats["sessions_opened_total"] == 1
    assert stats["logins_refused_total"] == 1


async def test_text_and_html_carry_the_same_facts() -> None:
    async with Auth(hasher=cheap_hasher()) as auth:
        await auth.register(username="ann", password=GOOD)
        await auth.login("ann", GOOD)
        assert repr(auth) == (
            "<mizzen.auth.Auth memory: started, 1 registered, 1 logged in, 0 refused>"
        )
        for fact in ("memory:", "started", "<th>registered</th><td>1</td>"):
            assert fact in auth._repr_html_()
    assert "not started" in repr(auth)


async def test_view_shows_users_and_sessions_escaped_and_without_secrets(auth: Auth) -> None:
    await auth.register(username="ann", email="ann@example.org", password=GOOD)
    session = await auth.open_session(
        (await auth.find("ann")) or "", device="<script>alert(1)</script>", address="192.0.2.1"
    )
    view = auth.view()
    shown = await view.refresh()
    assert shown == view._repr_html_()
    assert set(view._repr_mimebundle_()) == {"text/plain", "text/html"}  # no kernel, no widget
    for fact in ("ann@example.org", "192.0.2.1", "&lt;script&gt;", "active"):
        assert fact in shown
    stored = await auth._store.users(1)
    for secret in ("<script>", session.token, session.id, stored[0].password_hash):
        assert secret not in shown
    view.close()


@pytest.mark.extra("ipywidgets")
async def test_view_in_a_kernel_follows_and_shows_its_failures(
    auth: Auth, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mizzen.auth.notebook.in_kernel", lambda: True)
    view = auth.view(every=0.005)
    bundle = view._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    table = view._table
    await auth.register(username="ann", password=GOOD)

    async def shows(text: str) -> bool:
        return text in table.value

    await eventually(lambda: shows(">ann<"))

    async def broken(limit: int) -> list[object]:
        raise StoreError("the store is away")

    monkeypatch.setattr(auth, "users", broken)
    await eventually(lambda: shows("the store is away"))
    view.close()
    view.close()


class FailingStore(MemoryStore):
    """A store whose writes of last uses fail as told."""

    failure: Exception | None = None

    async def touch(self, used: Mapping[str, float]) -> None:
        if self.failure is not None:
            raise self.failure
        await super().touch(used)


async def is_well(auth: Auth) -> bool:
    return bool((await auth.health())["ok"])


async def is_ill(auth: Auth) -> bool:
    return not await is_well(auth)


async def use_a_session(auth: Auth, clock: FrozenClock) -> None:
    session = await auth.open_session(await auth.register(username="ann", password=GOOD))
    clock.advance("1h")
    await auth.session(session.token)


async def test_store_that_is_away_for_a_while_loses_no_last_use(
    clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeping, "ROUND", 0.005)
    store = FailingStore()
    store.failure = StoreError("gone fishing")
    async with Auth(store, hasher=cheap_hasher(), clock=clock) as auth:
        await use_a_session(auth, clock)
        await eventually(lambda: is_ill(auth))
        assert "gone fishing" in str(await auth.health())
        store.failure = None
        await eventually(lambda: is_well(auth))
    ((record, _),) = await store.sessions(None, 1)
    assert record.last_used_at == clock.now


async def test_failure_in_the_background_is_raised_on_the_next_call_and_on_close(
    clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeping, "ROUND", 0.005)
    store = FailingStore()
    store.failure = ZeroDivisionError("a bug")
    auth = await Auth(store, hasher=cheap_hasher(), clock=clock).start()
    await use_a_session(auth, clock)
    await eventually(lambda: is_ill(auth))
    with pytest.raises(AuthError, match="in the background") as failed:
        await auth.users()
    assert isinstance(failed.value.__cause__, ZeroDivisionError)
    with pytest.raises(AuthError, match="in the background"):
        await auth.aclose()
    assert not auth.started


def test_unknown_scheme_lists_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match="memory, postgresql, sqlite"):
        Auth("mongodb://localhost")


def test_missing_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "mizzen.auth.stores.postgresql", raising=False)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingLibrary, match=r'pip install "mizzen-auth\[postgres\]"'):
        Auth("postgresql://localhost/app")


def test_import_and_construction_bring_no_heavy_library() -> None:
    script = (
        "import sys, mizzen.auth; mizzen.auth.Auth('sqlite:///never.db');"
        "heavy = {'argon2', 'itsdangerous', 'psycopg', 'ipywidgets', 'pytest', 'IPython'};"
        "print(*heavy & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.split() == []

"""The ASGI layer: valid messages in the right order, the cookie, the headers, three scopes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from mizzen.auth import Auth, Refused, Session, TooLate, Visit
from mizzen.auth.testing import FrozenClock, LoginAs

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from mizzen.auth import Layer

Headers = dict[str, str]
GOOD = "violet harbour at noon"


def http_scope(method: str = "GET", *, scheme: str = "http", headers: Headers | None = None) -> Any:
    sent = {"host": "app.example", "user-agent": "a browser"} | (headers or {})
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": scheme,
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "root_path": "",
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in sent.items()],
        "client": ("192.0.2.1", 5000),
        "server": ("app.example", 80),
    }


async def served(layer: Layer, scope: Any, incoming: Iterable[Any] = ()) -> list[Any]:
    """Return the messages that the layer sent."""
    waiting = list(incoming) or [{"type": "http.request", "body": b"", "more_body": False}]
    sent: list[Any] = []

    async def receive() -> Any:
        return waiting.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    await layer(scope, receive, send)
    return sent


def header(message: Any, name: str) -> list[str]:
    return [value.decode() for key, value in message["headers"] if key == name.encode()]


def page(
    act: Callable[[Any], Awaitable[None]] | None = None, headers: Headers | None = None
) -> Any:
    """Make an app that acts on the visit, and answers in two parts."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        if act is not None:
            await act(scope)
        own = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
        await send({"type": "http.response.start", "status": 200, "headers": own})
        await send({"type": "http.response.body", "body": b"a", "more_body": True})
        await send({"type": "http.response.body", "body": b"b"})

    return app


async def test_anonymous_visitor_gets_the_page_and_no_cookie(auth: Auth) -> None:
    seen: list[Any] = []

    async def look(scope: Any) -> None:
        seen.append((scope["user"], scope["session"], scope["auth"].user))

    scope = http_scope()
    sent = await served(auth.layer(page(look)), scope)
    assert seen == [(None, None, None)]
    assert [m["type"] for m in sent] == ["http.response.start", *["http.response.body"] * 2]
    assert [m.get("more_body", False) for m in sent[1:]] == [True, False]
    assert header(sent[0], "set-cookie") == []
    assert header(sent[0], "cache-control") == []
    assert "user" not in scope  # the server's own scope is left alone
    assert auth.stats()["sessions_looked_up_total"] == 0


async def test_cookie_brings_the_user_and_is_not_set_again(auth: Auth) -> None:
    ann = await LoginAs(auth)("ann")
    seen: list[Any] = []

    async def look(scope: Any) -> None:
        seen.append((scope["user"], scope["session"].id))

    sent = await served(auth.layer(page(look)), http_scope(headers=ann.headers))
    assert seen == [(ann.user, ann.session.id)]
    assert header(sent[0], "set-cookie") == []
    assert header(sent[0], "cache-control") == ["private, no-cache"]


async def test_login_sets_a_cookie_that_scripts_and_other_sites_cannot_use(auth: Auth) -> None:
    await auth.register(username="ann", password=GOOD)
    seen: list[Any] = []

    async def log_in(scope: Any) -> None:
        visit: Visit = scope["auth"]
        seen.append(await visit.login("ann", GOOD))
        assert scope["user"] == visit.user is not None

    sent = await served(auth.layer(page(log_in, {"cache-control": "public"})), http_scope("POST"))
    session = seen[0]
    assert isinstance(session, Session)
    assert (session.address, session.device) == ("192.0.2.1", "a browser")
    assert header(sent[0], "set-cookie") == [
        f"session={session.token}; Max-Age={90 * 86400}; Path=/; HttpOnly; SameSite=Lax"
    ]
    assert header(sent[0], "cache-control") == ["no-store"]


async def test_cookie_over_https_is_secure_and_bound_to_the_host(auth: Auth) -> None:
    ann = await LoginAs(auth)("ann", secure=True)

    async def renew(scope: Any) -> None:
        assert scope["user"] == ann.user
        scope["auth"].remember(await auth.open_session(scope["user"]))

    scope = http_scope("POST", scheme="https", headers=ann.headers)
    sent = await served(auth.layer(page(renew)), scope)
    (cookie,) = header(sent[0], "set-cookie")
    assert cookie.startswith("__Host-session=")
    assert cookie.endswith("; Path=/; HttpOnly; SameSite=Lax; Secure")


async def test_cookie_planted_over_plain_http_is_not_read_over_https(auth: Auth) -> None:
    planted = await LoginAs(auth)("mallory")
    assert await auth.identify(http_scope(scheme="https", headers=planted.headers)) is None


async def test_two_cookies_of_one_name_are_nobodys(auth: Auth) -> None:
    ann, bob = await LoginAs(auth)("ann"), await LoginAs(auth)("bob")
    both = f"session={ann.session.token}; session={bob.session.token}"
    assert await auth.identify(http_scope(headers={"cookie": both})) is None
    twice = f"a=b; session={ann.session.token};session={ann.session.token}; c"
    assert await auth.identify(http_scope(headers={"cookie": twice})) == ann.user


async def test_session_planted_before_a_login_is_worth_nothing_after_it(auth: Auth) -> None:
    """Session fixation: the id changes at login, and the old session ends."""
    planted = await LoginAs(auth)("mallory")
    await auth.register(username="ann", password=GOOD)

    async def log_in(scope: Any) -> None:
        assert not isinstance(await scope["auth"].login("ann", GOOD), Refused)

    sent = await served(auth.layer(page(log_in)), http_scope("POST", headers=planted.headers))
    assert planted.session.token not in header(sent[0], "set-cookie")[0]
    assert await auth.session(planted.session.token) is None


async def test_failed_login_leaves_the_session_and_the_cookie_alone(auth: Auth) -> None:
    ann = await LoginAs(auth)("ann")

    async def fail(scope: Any) -> None:
        assert isinstance(await scope["auth"].login("ann", "wrong"), Refused)

    sent = await served(auth.layer(page(fail)), http_scope("POST", headers=ann.headers))
    assert header(sent[0], "set-cookie") == []
    assert await auth.session(ann.session.token) is not None


async def test_logout_ends_the_session_and_removes_the_cookie(auth: Auth) -> None:
    ann = await LoginAs(auth)("ann")

    async def log_out(scope: Any) -> None:
        await scope["auth"].forget()
        assert scope["user"] is None

    sent = await served(auth.layer(page(log_out)), http_scope("POST", headers=ann.headers))
    assert header(sent[0], "set-cookie")[0].startswith("session=; Max-Age=0; ")
    assert await auth.session(ann.session.token) is None


async def test_login_after_the_response_began_is_an_error_not_a_lost_cookie(auth: Auth) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200})
        with pytest.raises(TooLate):
            await scope["auth"].forget()
        with pytest.raises(TooLate):
            scope["auth"].remember(scope["session"])
        await send({"type": "http.response.body", "body": b""})

    ann = await LoginAs(auth)("ann")
    sent = await served(auth.layer(app), http_scope(headers=ann.headers))
    assert header(sent[0], "x-content-type-options") == ["nosniff"]


async def test_expired_cookie_is_anonymous(auth: Auth, clock: FrozenClock) -> None:
    ann = await LoginAs(auth)("ann")
    clock.advance("91d")
    assert await auth.identify(http_scope(headers=ann.headers)) is None


async def test_nonce_is_new_for_each_response_and_stands_in_the_policy(auth: Auth) -> None:
    nonces: list[str] = []

    async def look(scope: Any) -> None:
        nonces.append(scope["csp_nonce"])

    layer = auth.layer(page(look))
    starts = [(await served(layer, http_scope()))[0] for _ in range(2)]
    policies = [header(start, "content-security-policy")[0] for start in starts]
    assert len(set(nonces)) == 2
    for nonce, policy in zip(nonces, policies, strict=True):
        assert policy.startswith("default-src 'self'; ")
        assert f"script-src 'self' 'nonce-{nonce}'; style-src 'self' 'nonce-{nonce}'" in policy
        assert "frame-ancestors 'none'" in policy


async def test_apps_own_header_wins_and_defaults_can_be_changed(auth: Auth) -> None:
    own = {"Content-Security-Policy": "default-src 'none'", "x-frame-options": "SAMEORIGIN"}
    changes = {"referrer-policy": "no-referrer", "cross-origin-opener-policy": None}
    (start, *_) = await served(auth.layer(page(headers=own), headers=changes), http_scope())
    assert header(start, "content-security-policy") == []
    assert header(start, "Content-Security-Policy") == ["default-src 'none'"]
    assert header(start, "x-frame-options") == ["SAMEORIGIN"]
    assert header(start, "referrer-policy") == ["no-referrer"]
    assert header(start, "cross-origin-opener-policy") == []


async def test_other_scopes_pass_untouched(auth: Auth) -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope)
        assert (await receive())["type"] == "lifespan.startup"
        await send({"type": "lifespan.startup.complete"})

    scope = {"type": "lifespan", "asgi": {"version": "3.0"}}
    sent = await served(auth.layer(app), scope, [{"type": "lifespan.startup"}])
    assert seen == [scope]
    assert sent == [{"type": "lifespan.startup.complete"}]
    assert await auth.identify(scope) is None


async def test_error_in_the_app_is_the_servers_business(auth: Auth) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError("boom")

    with pytest.raises(RuntimeError, match="boom"):
        await served(auth.layer(app), http_scope())

"""Requests that another site makes in a visitor's name are refused, over http and websocket."""

from __future__ import annotations

from typing import Any

import pytest

from mizzen.auth import Auth
from mizzen.auth.testing import LoginAs, cheap_hasher

OURS = "https://app.example"
EVIL = "https://evil.example"


def scope_of(kind: str, method: str, headers: dict[str, str]) -> Any:
    sent = {"host": "app.example"} | headers
    encoded = [(name.encode(), value.encode()) for name, value in sent.items()]
    return {"type": kind, "method": method, "path": "/", "scheme": "http", "headers": encoded}


async def status_of(auth: Auth, method: str, headers: dict[str, str]) -> int:
    reached: list[str] = []
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        reached.append(scope["method"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        sent.append(message)

    await auth.layer(app)(scope_of("http", method, headers), receive, send)
    status: int = sent[0]["status"]
    assert [m["type"] for m in sent] == ["http.response.start", "http.response.body"]
    assert bool(reached) == (status == 200)
    if status == 403:
        length = dict(sent[0]["headers"])[b"content-length"]
        assert int(length) == len(sent[1]["body"])
        assert b"x-content-type-options" in dict(sent[0]["headers"])
    return status


REFUSED = [
    {"sec-fetch-site": "cross-site", "origin": EVIL},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site", "origin": "https://other.app.example"},
    {"sec-fetch-site": "cross-site", "origin": OURS},  # the browser knows better
    {"sec-fetch-site": "nonsense"},
    {"origin": EVIL},
    {"origin": "null"},
    {"origin": ""},
    {"origin": "https://app.example.evil.example"},
    {"origin": "https://app.example:8443"},
    {"origin": "https://app.example@evil.example"},
    {"origin": "app.example"},
]
ALLOWED = [
    {},  # no browser: curl, a webhook
    {"sec-fetch-site": "same-origin"},
    {"sec-fetch-site": "none"},
    {"origin": OURS},
    {"origin": "HTTPS://APP.EXAMPLE"},
    {"origin": "http://app.example"},
]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "post", "PROPFIND"])
@pytest.mark.parametrize("headers", REFUSED)
async def test_cross_site_request_that_could_change_something_is_refused(
    auth: Auth, method: str, headers: dict[str, str]
) -> None:
    assert await status_of(auth, method, headers) == 403
    assert auth.stats()["cross_site_requests_refused_total"] == 1


@pytest.mark.parametrize("headers", ALLOWED)
async def test_request_of_our_own_page_or_of_no_browser_passes(
    auth: Auth, headers: dict[str, str]
) -> None:
    assert await status_of(auth, "POST", headers) == 200


@pytest.mark.parametrize("headers", REFUSED)
async def test_link_from_another_site_can_be_followed(auth: Auth, headers: dict[str, str]) -> None:
    for method in ("GET", "HEAD", "OPTIONS"):
        assert await status_of(auth, method, headers) == 200


async def test_trusted_origin_may_act() -> None:
    trusted = ["https://admin.example"]
    async with Auth(hasher=cheap_hasher(), trusted_origins=trusted) as auth:
        both = {"sec-fetch-site": "cross-site", "origin": "https://admin.example"}
        assert await status_of(auth, "POST", both) == 200
        assert await status_of(auth, "POST", {"origin": EVIL}) == 403
        assert await status_of(auth, "POST", {"origin": "http://admin.example"}) == 403


async def websocket(auth: Auth, headers: dict[str, str]) -> tuple[list[Any], list[Any]]:
    """Return what the layer sent, and the users that the app saw."""
    users: list[Any] = []
    sent: list[Any] = []
    waiting = [{"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": 1000}]

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert (await receive())["type"] == "websocket.connect"
        users.append(scope["user"])
        if scope["user"] is None:
            scope["auth"].remember(await auth.open_session(await auth.find("ann") or ""))
        await send({"type": "websocket.accept", "headers": [(b"x-own", b"1")]})

    async def receive() -> Any:
        return waiting.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    await auth.layer(app)(scope_of("websocket", "", headers), receive, send)
    return sent, users


async def test_websocket_opened_by_another_site_is_refused_before_the_app_sees_it(
    auth: Auth,
) -> None:
    ann = await LoginAs(auth)("ann")
    for headers in REFUSED:
        sent, users = await websocket(auth, ann.headers | headers)
        assert [message["type"] for message in sent] == ["websocket.close"]
        assert sent[0]["code"] == 1008
        assert users == []


async def test_websocket_of_our_own_page_knows_its_user(auth: Auth) -> None:
    ann = await LoginAs(auth)("ann")
    sent, users = await websocket(auth, ann.headers | {"origin": OURS})
    assert users == [ann.user]
    assert sent == [{"type": "websocket.accept", "headers": [(b"x-own", b"1")]}]


async def test_websocket_that_opens_a_session_sets_the_cookie_as_it_accepts(auth: Auth) -> None:
    await LoginAs(auth)("ann")
    sent, users = await websocket(auth, {"origin": OURS})
    assert users == [None]
    assert [name for name, _ in sent[0]["headers"]] == [b"x-own", b"set-cookie"]


async def test_identify_without_the_layer_gives_another_site_nobody(auth: Auth) -> None:
    ann = await LoginAs(auth)("ann")
    good = scope_of("websocket", "", ann.headers | {"origin": OURS})
    evil = scope_of("websocket", "", ann.headers | {"origin": EVIL})
    assert await auth.identify(good) == ann.user
    assert await auth.identify(evil) is None


async def test_server_that_keeps_the_case_of_header_names_opens_no_hole(auth: Auth) -> None:
    assert await status_of(auth, "POST", {"Origin": EVIL}) == 403
    assert await status_of(auth, "POST", {"Sec-Fetch-Site": "cross-site"}) == 403

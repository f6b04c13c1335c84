"""Signing up, logging in and out, as a browser does it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx


async def test_sign_up_logs_in_and_log_out_ends_it(ann: httpx.AsyncClient) -> None:
    assert "Log out" in (await ann.get("/")).text
    assert "Log in" in (await ann.post("/logout")).text
    assert "Log in" in (await ann.get("/")).text


async def test_a_taken_name_is_said_to_be_taken(
    ann: httpx.AsyncClient, visitor: Callable[[], httpx.AsyncClient]
) -> None:
    form = {"username": "ANN", "email": "other@example.com", "password": "a long passphrase"}
    answer = await visitor().post("/signup", data=form)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text


async def test_a_wrong_password_is_refused_and_what_was_typed_stays(
    ann: httpx.AsyncClient, visitor: Callable[[], httpx.AsyncClient]
) -> None:
    answer = await visitor().post("/login", data={"login": "ann", "password": "wrong"})
    assert answer.status_code == 422
    assert 'value="ann"' in answer.text
    assert "wrong" not in answer.text.partition('<form class="sheet"')[2]


async def test_login_goes_back_to_where_one_was_but_never_to_another_site(
    ann: httpx.AsyncClient, visitor: Callable[[], httpx.AsyncClient]
) -> None:
    form = {"login": "ann", "password": "a long passphrase"}
    here = await visitor().post("/login", data={**form, "back": "/new"})
    assert here.url.path == "/new"
    for elsewhere in ("//evil.example", "/\\evil.example", "https://evil.example", "/a\r\nX: y"):
        browser = visitor()
        browser.follow_redirects = False
        answer = await browser.post("/login", data={**form, "back": elsewhere})
        assert answer.headers["location"] == "/"


async def test_a_form_on_another_site_can_do_nothing(ann: httpx.AsyncClient) -> None:
    answer = await ann.post("/logout", headers={"sec-fetch-site": "cross-site"})
    assert answer.status_code == 403
    assert "Log out" in (await ann.get("/")).text

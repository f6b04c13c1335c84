"""Errors: for programs, for browsers, by handlers of one's own, and never more than is due."""

from __future__ import annotations

import pytest

from mizzen.web import HTML, Context, Forbidden, HTTPError, NotFound, Unauthorized, Web

BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def failing(exc: Exception, *, debug: bool = False) -> Web:
    web = Web(debug=debug)

    @web.get("/")
    async def index() -> None:
        raise exc

    return web


async def test_error_is_a_problem_for_programs_and_a_page_for_browsers() -> None:
    client = failing(Forbidden("<script>not yours")).test()
    problem = await client.get("/")
    assert problem.headers["content-type"] == "application/problem+json"
    assert problem.json() == {
        "type": "about:blank",
        "title": "Forbidden",
        "status": 403,
        "detail": "<script>not yours",
    }
    page = await client.get("/", headers=BROWSER)
    assert page.status == 403
    assert "&lt;script&gt;not yours" in page.text
    assert page.headers["vary"] == problem.headers["vary"] == "accept"


async def test_error_carries_its_headers() -> None:
    reply = await failing(Unauthorized(headers={"www-authenticate": "Bearer"})).test().get("/")
    assert (reply.status, reply.headers["www-authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize("headers", [BROWSER, {}])
async def test_unexpected_error_tells_nothing_but_is_logged(
    headers: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    web = failing(RuntimeError("database at 10.0.0.1"))
    reply = await web.test().get("/", headers=headers)
    assert reply.status == 500
    assert "10.0.0.1" not in reply.text
    assert "Traceback" not in reply.text
    assert "10.0.0.1" in caplog.text
    assert web.stats()["errors_total"] == 1


async def test_debug_shows_the_traceback_escaped() -> None:
    reply = await failing(RuntimeError("<b>"), debug=True).test().get("/", headers=BROWSER)
    assert "RuntimeError: &lt;b&gt;" in reply.text
    assert "raise exc" in reply.text


async def test_handler_of_the_nearest_type_answers() -> None:
    web = failing(FileNotFoundError("x"))

    @web.error(Exception)
    async def anything(exc: Exception) -> tuple[str, int]:
        return "any", 500

    @web.error(OSError)
    def io(exc: OSError, ctx: Context) -> tuple[str, int]:
        return f"{type(exc).__name__} at {ctx.path}", 503

    reply = await web.test().get("/")
    assert (reply.status, reply.text) == (503, "FileNotFoundError at /")


async def test_handler_of_a_status_makes_ones_own_pages() -> None:
    web = failing(NotFound())

    @web.error(404, 500)
    async def page(exc: Exception) -> HTML:
        return HTML("<h1>ours</h1>", exc.status if isinstance(exc, HTTPError) else 500)

    assert (await web.test().get("/")).text == "<h1>ours</h1>"
    assert (await web.test().get("/nowhere")).text == "<h1>ours</h1>"
    assert (await failing_with(web, ValueError("x"))).status == 500


async def failing_with(web: Web, exc: Exception):
    @web.get("/boom")
    async def boom() -> None:
        raise exc

    return await web.test().get("/boom")


async def test_failing_error_handler_is_a_plain_500(caplog: pytest.LogCaptureFixture) -> None:
    web = failing(ValueError("first"))

    @web.error(ValueError)
    async def broken() -> None:
        raise KeyError("second")

    reply = await web.test().get("/")
    assert (reply.status, reply.json()["title"]) == (500, "Internal Server Error")
    assert "second" in caplog.text


async def test_error_handler_may_raise_an_http_error() -> None:
    web = failing(KeyError("x"))

    @web.error(KeyError)
    async def missing() -> None:
        raise NotFound("no such key")

    assert (await web.test().get("/")).json()["detail"] == "no such key"


async def test_defining_an_error_handler_again_replaces_it() -> None:
    web = failing(KeyError("x"))
    for text in ("one", "two"):

        @web.error(KeyError)
        async def missing(text: str = text) -> str:
            return text

    assert (await web.test().get("/")).text == "two"


async def test_late_bound_missing_service_is_named(caplog: pytest.LogCaptureFixture) -> None:
    class Database: ...

    web = Web()

    @web.get("/")
    async def index(db: Database) -> None: ...

    assert (await web.test().get("/")).status == 500
    assert "Database" in caplog.text
    assert "web.provide" in caplog.text

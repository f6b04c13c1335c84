# ruff: noqa: ASYNC110  (what is polled is a store: it has no event for it)

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from mizzen.queue import Queue, Retry
from mizzen.queue.dashboard import dashboard

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

HOSTILE = "</pre></title><script>alert('&\"')</script><img src=x onerror=alert(1)>"


class Browser(httpx.AsyncClient):
    """Follows links and posts forms as a browser does: with its cookies, and its origin."""

    def __init__(self, app: Any, root: str = "", **options: Any) -> None:
        transport = httpx.ASGITransport(app=app, root_path=root)
        super().__init__(transport=transport, base_url=f"http://queue.example{root}", **options)

    async def page(self, path: str, **query: Any) -> str:
        answer = await self.get(path, params=query or None)
        assert answer.status_code == 200, answer.text
        return answer.text

    async def press(self, shown: str, label: str, **headers: str) -> httpx.Response:
        """Post the form on the page *shown* whose button says *label*."""
        for action, inner in re.findall(
            r'<form method="post" action="([^"]*)"[^>]*>(.*?)</form>', shown
        ):
            if f">{label}<" in inner:
                fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', inner))
                return await self.post(
                    f"http://queue.example{action}".replace("&amp;", "&"),
                    data=fields,
                    headers={"origin": "http://queue.example", **headers},
                )
        raise AssertionError(f"no button {label!r} in {shown}")


@pytest.fixture
async def browser(q: Queue) -> AsyncIterator[Browser]:
    async with Browser(dashboard(q, auth=("ops", "pässword")), auth=("ops", "pässword")) as client:
        yield client


async def test_nothing_is_shown_without_a_decision_who_may_see_it() -> None:
    q = Queue()
    with pytest.raises(ValueError, match="say who may"):
        dashboard(q)
    with pytest.raises(ValueError, match="contradict"):
        dashboard(q, auth=("ops", "pw"), insecure=True)
    for empty in (("", "pw"), ("ops", "")):
        with pytest.raises(ValueError, match="neither may be empty"):
            dashboard(q, auth=empty)
    assert repr(dashboard(q, insecure=True)) == "<mizzen.queue.dashboard.Dashboard of memory:>"


@pytest.mark.parametrize(
    "given",
    [
        None,
        "Basic",
        "Basic !!",
        "Basic b3BzOnB3eA==",  # ops:pwx
        "Basic eG9wczpwdw==",  # xops:pw
        "Bearer b3BzOnB3",
        "Basic b3Bz",
    ],
)
@pytest.mark.parametrize("path", ["/", "/jobs", "/jobs/1", "/workers", "/assets/live.js", "/no"])
async def test_a_stranger_sees_nothing(q: Queue, given: str | None, path: str) -> None:
    async with Browser(dashboard(q, auth=("ops", "pw"))) as client:
        answer = await client.get(path, headers={"authorization": given} if given else {})
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Basic ")
        assert "default" not in answer.text
        assert "set-cookie" not in answer.headers
        right = await client.get("/", headers={"authorization": "basic b3BzOnB3"})
        assert right.status_code == 200


async def test_the_application_may_decide(q: Queue) -> None:
    async def who(scope: Any) -> str | None:
        return dict(scope["headers"]).get(b"x-user", b"").decode() or None

    async with Browser(dashboard(q, auth=who)) as client:
        assert (await client.get("/")).status_code == 403
        seen = await client.get("/", headers={"x-user": "ann"})
        assert seen.status_code == 200
        pause = {"x-user": "ann"}
        await q.enqueue_many([])
        await q.pause("mail")
        shown = (await client.get("/", headers=pause)).text
        # A token is for one browser and one person.
        assert (await client.press(shown, "Resume", **{"x-user": "bob"})).status_code == 403
        assert (await client.press(shown, "Resume", **pause)).status_code == 303
        assert await q.paused() == []


async def test_a_form_of_another_site_does_nothing(q: Queue, browser: Browser) -> None:
    await q.pause("mail")
    shown = await browser.page("/")
    for headers in (
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": ""},
        {"origin": "http://queue.example.evil.example"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ):
        assert (await browser.press(shown, "Resume", **headers)).status_code == 403
    without = {"origin": "http://queue.example"}
    answer = await browser.post("/queues/resume", data={"name": "mail"}, headers=without)
    assert answer.status_code == 403
    bad = {"name": "mail", "token": "0" * 64}
    assert (await browser.post("/queues/resume", data=bad, headers=without)).status_code == 403
    cookies = httpx.Cookies(browser.cookies)
    browser.cookies.clear()
    assert (await browser.press(shown, "Resume")).status_code == 403
    assert await q.paused() == ["mail"]
    browser.cookies = cookies
    assert (await browser.press(shown, "Resume")).status_code == 303
    assert await q.paused() == []


async def test_only_forms_are_read_and_only_get_and_post(browser: Browser) -> None:
    assert (await browser.post("/jobs", json={"action": "cancel"})).status_code == 415
    long = {"origin": "http://queue.example"}
    answer = await browser.post("/jobs", data={"token": "x" * 70_000}, headers=long)
    assert answer.status_code == 413
    assert (await browser.delete("/jobs/1")).status_code == 405
    assert (await browser.get("/queues/pause")).status_code == 404
    head = await browser.head("/")
    assert (head.status_code, head.content) == (200, b"")


async def test_the_browser_is_told_to_trust_nothing_else(browser: Browser) -> None:
    answer = await browser.get("/")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["cache-control"] == "no-store"
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "set-cookie" not in (await browser.get("/")).headers
    assert not re.findall(r"(?:src|href)=\"https?:", answer.text)
    assert "<style" not in answer.text
    assert " style=" not in answer.text
    for path in re.findall(r"/assets/[\w.]+", answer.text):
        asset = await browser.get(path)
        assert asset.status_code == 200
        assert "http:" not in asset.text
        assert "https:" not in asset.text


async def test_hostile_texts_are_only_texts(q: Queue, browser: Browser) -> None:
    @q.job(queue=HOSTILE, name=HOSTILE, retry=Retry(max=1))
    async def odd(x: Any) -> Any:
        if x == "fail":
            raise ValueError(HOSTILE)
        return {HOSTILE: x}

    @q.job(name="told")
    async def told() -> None:
        from mizzen.queue import current_job

        current_job().progress(1, 2, HOSTILE)
        await asyncio.sleep(0.15)
        raise ValueError(HOSTILE)

    bad = await odd("fail").enqueue()
    good = await odd({HOSTILE: [HOSTILE]}).enqueue()
    noted = await told().enqueue()
    await q.pause(f"p{HOSTILE}")
    async with q.worker():
        await good.result(timeout=5)
        async with asyncio.timeout(5):
            while await bad.status() != "dead" or await noted.status() != "scheduled":
                await asyncio.sleep(0.01)
    pages = [
        await browser.page(path, **query)
        for path, query in (
            ("/", {}),
            ("/jobs", {}),
            ("/jobs", {"queue": HOSTILE, "kind": HOSTILE, "status": "dead"}),
            (f"/jobs/{bad.id}", {"did": HOSTILE, "n": HOSTILE}),
            (f"/jobs/{good.id}", {}),
            (f"/jobs/{noted.id}", {}),
        )
    ]
    for shown in pages:
        assert "alert" in shown
        assert "<script>" not in shown
        assert "<img" not in shown
        assert shown.count("</title>") == 1 + shown.count("<rect ")
    refused = await browser.get(f"/jobs?status={HOSTILE}")
    assert refused.status_code == 400
    assert "<script>" not in refused.text


async def test_secrets_are_not_shown(q: Queue, browser: Browser) -> None:
    @q.job
    async def login(user: str, password: str, api_key: str, options: Any) -> Any:
        return {"access_token": "T0PS3CRET", "keyboard": "qwerty", "n": 1}

    options = {
        "headers": [["Authorization", "T0PS3CRET"], ["Accept", "html"]],
        "deep": {"clientSecret": {"inner": "T0PS3CRET"}, "sshKey": "T0PS3CRET"},
        "database": "postgres://ann:T0PS3CRET@db/app",
        "monkey": "banana",
    }
    handle = await login("ann", "T0PS3CRET", "T0PS3CRET", options).enqueue()
    async with q.worker():
        await handle.result(timeout=5)
    shown = await browser.page(f"/jobs/{handle.id}")
    assert "T0PS3CRET" not in shown
    assert "T0PS3CRET" not in await browser.page("/jobs")
    for harmless in ("ann", "html", "banana", "qwerty", "postgres://ann:•••@db/app"):
        assert harmless in shown


async def test_a_job_is_retried_copied_cancelled_and_deleted(q: Queue, browser: Browser) -> None:
    @q.job(retry=Retry(max=1))
    async def work(n: int) -> int:
        if n == 1:
            raise ValueError("no")
        return n

    dead = await work(1).enqueue()
    async with q.worker():
        async with asyncio.timeout(5):
            while await dead.status() != "dead":
                await asyncio.sleep(0.01)
    path = f"/jobs/{dead.id}"
    shown = await browser.page(path)
    assert "Traceback" in shown
    copied = await browser.press(shown, "Run a copy")
    (copy, _) = await q.list()
    assert copied.headers["location"] == f"/jobs/{copy.id}?did=again"
    assert (copy.status, copy.args) == ("queued", '{"n":1}')
    answer = await browser.press(shown, "Requeue")
    assert (answer.status_code, answer.headers["location"]) == (303, f"{path}?did=retry")
    assert await dead.status() == "queued"
    again = await browser.press(shown, "Requeue")
    assert "did=nothing" in again.headers["location"]
    assert "Nothing was done" in await browser.page(again.headers["location"])
    assert (await browser.press(await browser.page(path), "Cancel")).status_code == 303
    assert await dead.status() == "cancelled"
    shown = await browser.page(path)
    assert (await browser.press(shown, "Delete")).status_code == 303
    assert (await browser.get(path)).status_code == 404
    assert (await browser.get("/jobs/1/cancel")).status_code == 404


async def test_queues_are_paused_and_lists_of_jobs_changed_at_once(
    q: Queue, browser: Browser
) -> None:
    @q.job(queue="mail & more")
    async def send(n: int) -> None: ...

    @q.job
    async def other() -> None: ...

    await q.enqueue_many([send(n) for n in range(120)])
    await other().enqueue()
    shown = await browser.page("/jobs", status="queued", kind="send")
    answer = await browser.press(shown, "Cancel all 120")
    assert (await q.counts())["cancelled"] == 120
    shown = await browser.page(answer.headers["location"])
    assert "120" in shown
    shown = await browser.page("/jobs", status="cancelled")
    await browser.press(shown, "Retry all 120")
    assert (await q.counts())["queued"] == 121
    shown = await browser.page("/jobs", status="queued", queue="default")
    await browser.press(shown, "Cancel all 1")
    shown = await browser.page("/jobs", status="cancelled")
    await browser.press(shown, "Delete all 1")
    assert await q.counts() == dict.fromkeys(await q.counts(), 0) | {"queued": 120}
    assert "all" not in re.findall(r"<button[^>]*>(\w+)", await browser.page("/jobs"))


async def test_pages_reach_every_job_once(q: Queue, browser: Browser) -> None:
    @q.job
    async def work(n: int) -> None: ...

    handles = await q.enqueue_many([work(n) for n in range(125)])
    seen: list[int] = []
    path = "/jobs?status=queued"
    while path:
        shown = await browser.page(path)
        seen += [int(id) for id in re.findall(r">#(\d+)</a>", shown)]
        older = re.search(r'href="([^"]+)">Older', shown)
        path = older[1].replace("&amp;", "&") if older else ""
    assert seen == [handle.id for handle in reversed(handles)]
    for wrong in ("x", "-1", "9" * 30, "\u0661"):
        assert (await browser.get("/jobs", params={"before": wrong})).status_code == 400
    assert (await browser.get("/jobs", params={"queue": "a\0b"})).status_code == 400


@pytest.mark.parametrize("repeated", [True, False])
async def test_it_works_where_it_is_mounted(q: Queue, repeated: bool) -> None:
    @q.job
    async def work() -> None: ...

    handle = await work().enqueue()
    inner = dashboard(q, insecure=True)

    async def outer(scope: Any, receive: Any, send: Any) -> None:
        root = "/ops/queue"
        path = scope["path"] if repeated else scope["path"].removeprefix(root)
        await inner({**scope, "root_path": root, "path": path}, receive, send)

    async with Browser(outer, auth=None) as client:
        shown = await client.page("/ops/queue/")
        links = re.findall(r'(?:href|action|src)="([^"]+)"', shown)
        assert links
        assert all(link.startswith("/ops/queue/") for link in links)
        for link in links:
            if "/queues/" not in link:
                assert (await client.get(link.replace("&amp;", "&"))).status_code == 200
        cookie = (await client.get("/ops/queue/", headers={"cookie": ""})).headers
        assert "Path=/ops/queue/;" in cookie.get("set-cookie", "Path=/ops/queue/;")
        shown = await client.page(f"/ops/queue/jobs/{handle.id}")
        answer = await client.press(shown, "Cancel")
        assert answer.headers["location"] == f"/ops/queue/jobs/{handle.id}?did=cancel"
        assert await handle.status() == "cancelled"


async def test_workers_and_the_live_middle_of_a_page(q: Queue, browser: Browser) -> None:
    @q.job
    async def work() -> None: ...

    assert "Nobody works" in await browser.page("/workers")
    async with q.worker():
        assert "Nobody works" not in await browser.page("/workers")
    fragment = await browser.get("/", headers={"x-fragment": "1"})
    assert fragment.headers["x-fragment"] == "1"
    assert fragment.text.startswith("<h1>Overview</h1>")
    handle = await work().enqueue()
    await handle.cancel()
    ended = await browser.get(f"/jobs/{handle.id}", headers={"x-fragment": "1"})
    assert ended.headers["x-fragment"] == "last"


async def test_behind_a_proxy_the_origin_is_the_one_that_browsers_see(q: Queue) -> None:
    app = dashboard(q, insecure=True, origins=["https://ops.example/"])
    await q.pause("mail")
    async with Browser(app) as client:
        shown = await client.page("/")
        refused = await client.press(shown, "Resume", origin="https://other.example")
        assert refused.status_code == 403
        answer = await client.press(shown, "Resume", origin="https://ops.example")
        assert answer.status_code == 303


async def test_processes_with_one_secret_take_each_others_forms(q: Queue) -> None:
    await q.pause("mail")
    first = dashboard(q, insecure=True, secret="same")
    async with Browser(first) as client:
        shown = await client.page("/")
        cookies = client.cookies
    async with Browser(dashboard(q, insecure=True, secret="other"), cookies=cookies) as client:
        assert (await client.press(shown, "Resume")).status_code == 403
    async with Browser(dashboard(q, insecure=True, secret="same"), cookies=cookies) as client:
        assert (await client.press(shown, "Resume")).status_code == 303


async def test_served_alone_it_starts_and_closes_its_queue() -> None:
    q = Queue()
    app = dashboard(q, insecure=True)
    async with Browser(app) as client:
        assert (await client.get("/")).status_code == 503
    said: list[str] = []

    async def live(events: list[str]) -> None:
        async def receive() -> Any:
            return {"type": events.pop(0)}

        async def send(message: Any) -> None:
            said.append(message["type"])
            if message["type"] == "lifespan.startup.complete":
                q.require_started()

        await app({"type": "lifespan"}, receive, send)

    await live(["lifespan.startup", "lifespan.shutdown"])
    assert (await q.health())["ok"] is False
    async with q:
        await live(["lifespan.startup", "lifespan.shutdown"])
        assert (await q.health())["ok"] is True
    assert said == ["lifespan.startup.complete", "lifespan.shutdown.complete"] * 2


async def test_schedules_are_shown_and_paused(q: Queue, browser: Browser) -> None:
    assert "No schedules" in await browser.page("/schedules")

    @q.cron("0 3 * * *", tz="Europe/Vienna")
    @q.job
    async def nightly() -> None: ...

    shown = await browser.page("/schedules")
    assert "0 3 * * *" in shown
    assert "Europe/Vienna" in shown
    async with q.worker():
        await browser.press(shown, "Pause")
        shown = await browser.page("/schedules")
        assert (await q.schedules())[0].paused
        await browser.press(shown, "Resume")
        assert not (await q.schedules())[0].paused


async def test_a_copy_of_a_job_that_changed_is_refused(q: Queue, browser: Browser) -> None:
    @q.job(name="send")
    async def send(to: str) -> None: ...

    handle = await send("ann").enqueue()
    await handle.cancel()

    @q.job(name="send")
    async def renamed(address: str) -> None: ...

    refused = await browser.press(await browser.page(f"/jobs/{handle.id}"), "Run a copy")
    assert refused.status_code == 409
    assert "don&#x27;t fit the function any more" in refused.text
    del q.jobs["send"]
    assert "Run a copy" not in await browser.page(f"/jobs/{handle.id}")


async def test_prometheus_reads_it_there(q: Queue, browser: Browser) -> None:
    await q.pause(HOSTILE)
    answer = await browser.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "mizzen_queue_workers 0\n" in answer.text
    assert (await browser.get("/metrics", auth=("ops", "wrong"))).status_code == 401


async def test_a_websocket_is_refused() -> None:
    said: list[Any] = []

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        said.append(message)

    await dashboard(Queue(), insecure=True)({"type": "websocket", "path": "/"}, receive, send)
    assert said == [{"type": "websocket.close", "code": 1008}]

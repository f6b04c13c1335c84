"""Which part answers a request: health, metrics, mounts, routes."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any

import pytest

from mizzen.app import App, NotStarted
from mizzen.web import Web

if TYPE_CHECKING:
    from mizzen.app.abc import Message, Receive, Scope, Send


class Answer:
    """What an app sent."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    async def __call__(self, message: Message) -> None:
        self.messages.append(message)

    @property
    def status(self) -> int:
        return int(self.messages[0]["status"])

    @property
    def text(self) -> str:
        return b"".join(m.get("body", b"") for m in self.messages).decode()


async def get(app: App, path: str, root_path: str = "", **headers: str) -> Answer:
    answer = Answer()
    scope: dict[str, Any] = {
        "type": "http", "method": "GET", "path": path, "raw_path": path.encode(),
        "query_string": b"", "http_version": "1.1", "scheme": "http",
        "root_path": root_path,
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "server": ("localhost", 80), "client": ("127.0.0.1", 1), "asgi": {"version": "3.0"},
    }  # fmt: skip

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    await app(scope, receive, answer)
    return answer


class Ill:
    """A component whose server is away."""

    async def start(self) -> None: ...

    async def aclose(self) -> None: ...

    async def health(self) -> dict[str, object]:
        return {"ok": False, "detail": {"server": "connection refused"}}

    def stats(self) -> dict[str, float]:
        return {"calls_total": 2.0, "open": 1.5}


def web_with_a_page() -> Web:
    web = Web()

    @web.get("/")
    async def home() -> str:
        return "home"

    del home
    return web


async def test_health_is_ok_while_every_component_is() -> None:
    async with App().use(web=web_with_a_page()) as app:
        answer = await get(app, "/health")
        assert (answer.status, json.loads(answer.text)) == (200, {"ok": True})


async def test_an_ill_component_makes_ready_red_while_the_pages_are_served_on() -> None:
    async with App().use(web=web_with_a_page(), mail=Ill()) as app:
        assert (await get(app, "/health/ready")).status == 503
        assert (await get(app, "/health/live")).status == 200
        assert (await get(app, "/")).text == "home"


async def test_details_are_only_for_those_with_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP_OBSERVE__TOKEN", "tell-me")
    async with App().use(mail=Ill()) as app:
        assert (await get(app, "/health/detailed")).status == 401
        assert (await get(app, "/metrics", authorization="Bearer wrong")).status == 401
        answer = await get(app, "/health/detailed", authorization="Bearer tell-me")
        assert "connection refused" in answer.text
        assert "connection refused" not in (await get(app, "/health")).text


async def test_metrics_are_prometheus_text_with_types() -> None:
    async with App().use(mail=Ill()) as app:
        text = (await get(app, "/metrics")).text
    assert "# TYPE mizzen_mail_calls_total counter\nmizzen_mail_calls_total 2\n" in text
    assert "# TYPE mizzen_mail_open gauge\nmizzen_mail_open 1.5\n" in text
    assert "process_cpu_seconds_total" in text


async def test_a_mounted_app_knows_its_prefix_and_gets_only_its_paths() -> None:
    seen: list[tuple[str, str]] = []

    async def other(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append((scope["root_path"], scope["path"]))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"other"})

    app = App().use(web=web_with_a_page())
    app.mount("/other/", other)
    async with app:
        assert (await get(app, "/other/x")).text == "other"
        assert (await get(app, "/otherwise")).status == 404
    assert seen == [("/other", "/other/x")]


async def test_an_app_that_is_not_running_says_so() -> None:
    with pytest.raises(NotStarted, match=r"await app\.start"):
        await get(App(), "/")


async def test_lifespan_starts_and_closes_the_app_for_any_asgi_server() -> None:
    app = App().use(web=web_with_a_page())
    incoming: list[Message] = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    answer = Answer()

    async def receive() -> Message:
        return incoming.pop(0)

    await app({"type": "lifespan"}, receive, answer)
    kinds = [message["type"] for message in answer.messages]
    assert kinds == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


async def test_a_failed_start_is_told_to_the_asgi_server() -> None:
    class Broken(Ill):
        async def start(self) -> None:
            raise OSError("disk is gone")

    answer = Answer()

    async def receive() -> Message:
        return {"type": "lifespan.startup"}

    await App().use(mail=Broken())({"type": "lifespan"}, receive, answer)
    assert answer.messages == [
        {"type": "lifespan.startup.failed", "message": "`mail` did not start: disk is gone"}
    ]


async def test_a_mount_of_a_running_app_serves_at_once_and_replaces_what_was_there() -> None:
    def says(word: bytes) -> Any:
        async def other(scope: Scope, receive: Receive, send: Send) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": word})

        return other

    async with App().use(web=web_with_a_page()) as app:
        for word in ("first", "second"):  # a cell that is run again
            app.mount("other", says(word.encode()))
            assert (await get(app, "/other")).text == word
        assert (await get(app, "/")).text == "home"


async def test_an_app_below_a_prefix_still_finds_its_own_pages() -> None:
    async with App().use(web=web_with_a_page()) as app:
        assert (await get(app, "/shop/", root_path="/shop")).text == "home"
        assert (await get(app, "/shop/health", root_path="/shop")).status == 200
        assert (await get(app, "/shopping/health", root_path="/shop")).status == 404


async def test_an_app_of_mounts_alone_is_well() -> None:
    async with App() as app:
        assert app.running
        assert (await get(app, "/health")).status == 200
        assert (await get(app, "/")).status == 404
    assert not app.running


async def test_a_port_that_is_taken_closes_only_what_was_started_for_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        app = App()
        with pytest.raises(Exception, match="is in use"):
            await app.serve("127.0.0.1", port)
        assert not app.running
        async with app:
            with pytest.raises(Exception, match="is in use"):
                await app.serve("127.0.0.1", port)
            assert app.running

"""Whatever is sent to the running demonstration: never a 500, never a traceback."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import websockets

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import httpx

    from .conftest import Demo

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=X"
GIST: dict[str, Any] = {"title": "x", "name": ["a.py"], "content": ["x = 1"]}

BODIES = [
    (FORM, b"title=%ff%fe&name=a&content=b"),
    (FORM, b"\xff\xfe\x00=%%%&&&=="),
    (FORM, b"title=%ED%A0%80&name=a&content=%ED%A0%80"),  # half a surrogate pair
    (FORM, b"title=" + b"a" * 30_000_000),
    (FORM, b"title=t" + b"&name=a&content=b" * 5_000),
    (FORM, b"title=t&name=a" + b"&content=b" * 10),
    (FORM, b"title=t&name=..&content=b"),
    (FORM, b"title=t&name=a%00b&content=b"),
    (FORM, b"title=t%00&name=a&content=b%00%01%1b"),
    (FORM, b"title=" + b"t" * 1_000_000 + b"&name=" + b"n" * 1_000_000 + b"&content=b"),
    (FORM, b"title=t&name=a.py&content=" + b"(" * 1_000_000),
    (MULTIPART, b"garbage"),
    (MULTIPART, b""),
    (MULTIPART, b"--X\r\n\r\nx\r\n--X--\r\n"),
    (MULTIPART, b'--X\r\nContent-Disposition: form-data; name="title"\r\n\r\nx'),
    (MULTIPART, b"--X\r\n" + b"A: b\r\n" * 20_000 + b"\r\n"),
    ("multipart/form-data", b"--X--"),
    ("multipart/form-data; boundary=" + "x" * 5_000, b"--X--"),
    ("application/json", b'{"title": "\\ud800", "name": ["a"], "content": ["\\udfff"]}'),
    ("application/json", b'{"title": "t", "name": ["a"], "content": ["\\u0000"]}'),
    ("application/json", b"[" * 100_000),
    ("application/json", b"null"),
    ("application/json; charset=utf-16", b"{}"),
    ("text/plain", b"title=t"),
    ("\xff;;;", b""),
]

PATHS = [
    "/g/%2e%2e/raw/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "/g/%00",
    "/g/%ff",
    "/u/%00",
    "/u/%ED%A0%80",
    "/assets/%2e%2e/gists.db",
    "/assets/..%2fgists.db",
    "/assets/%00",
    "/?page=999999999999999999999999",
    "/?page=9223372036854775807",
    "/?page=-9223372036854775809",
    "/?page=%ff",
    "/u/x?page=99999999999999999999",
    "/search?q=x&page=99999999999999999999",
    "/search?q=%ff",
    "/search?q=%00",
    "/search?q=" + "(%22" * 5_000,
    "/login?back=%ff",
    "//evil.example",
    "/cable/?EIO=4&transport=polling",
    "/cable/?EIO=4&transport=websocket",
]

RAW = [
    b"\0\0\0\0\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET \xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST /gists HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    b"POST /gists HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
    b"GET * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
]

FRAMES = [
    ["xxxx"],
    ["40", b"\x00\xff"],
    ['42["join","gists"]'],
    ["40/admin,", '42/admin,["join","gists"]'],
    ["40", '420["join",' + "[" * 20_000 + "]" * 20_000 + "]"],
    ["40", '420["join","' + "a" * 200_000 + '"]'],
    ["40", '420["join","gist:\\ud800"]', '421["join","gist:\\u0000"]', '422["join","nothing"]'],
    ["40", '420["join","gists"]', '421["__class__","gists",1]', '422["authorize","gists"]'],
    ["40", '451-["join",{"_placeholder":true,"num":0}]', b"x"],
    ["40", '420["join",NaN]', "42[null]"],
    ["40", "42" + "a" * 20_000_000],
]


async def test_hostile_requests_get_an_answer_and_leave_no_trace(
    demo: Callable[..., Demo], used_folder: Path
) -> None:
    attacked = demo(used_folder)
    async with attacked.browser(logged_in=True) as browser:
        for content_type, body in BODIES:
            headers = [(b"content-type", content_type.encode("latin-1"))]
            answer = await browser.post("/gists", content=body, headers=headers)
            assert answer.status_code < 500, (content_type, body[:60])
            if answer.status_code == 303:
                assert (await browser.get(answer.headers["location"])).status_code == 200
        for path in PATHS:
            assert (await browser.get(path)).status_code < 500, path[:60]
        for login in (b"login=%00&password=%00", b"login=a&password=" + b"p" * 1_000_000):
            answer = await browser.post("/login", content=login, headers={"content-type": FORM})
            assert answer.status_code < 500
        for sent in RAW:
            assert b" 500 " not in await spoken(browser, sent)
        for frames in FRAMES:
            await say(browser, frames)
        await delete_under_everybodys_hands(browser)
        path = (await browser.post("/gists", data=GIST)).headers["location"]
        assert (await browser.get(f"{path}/raw/..%2f..%2fgists.db")).status_code == 404
        assert (await browser.get(f"{path}/raw/a.py")).text == "x = 1"
        assert (await browser.get("/health")).json() == {"ok": True}
    assert await attacked.stopped(signal.SIGTERM) == 0
    assert "Traceback" not in attacked.output


async def spoken(browser: httpx.AsyncClient, sent: bytes) -> bytes:
    """Send bytes that are no HTTP; return the answer's first line."""
    reader, writer = await asyncio.open_connection("127.0.0.1", browser.base_url.port)
    writer.write(sent)
    line = await reader.readline()
    writer.close()
    return line


async def say(browser: httpx.AsyncClient, frames: list[str] | list[str | bytes]) -> None:
    """Send frames over a WebSocket, and see to it that the server has read them."""
    address = f"ws://{browser.base_url.netloc.decode()}/cable/?EIO=4&transport=websocket"
    with suppress(websockets.ConnectionClosed):  # which is how most of them end
        async with websockets.connect(address, max_size=None) as socket:
            for frame in frames:
                await socket.send(frame)
            await socket.ping()
            await socket.send('42999["leave","gists"]')
            while not str(await socket.recv()).startswith("43999"):
                pass


async def delete_under_everybodys_hands(browser: httpx.AsyncClient) -> None:
    """Change, star and fork a gist in the moment of its deletion."""
    for _ in range(3):
        path = (await browser.post("/gists", data=GIST)).headers["location"]
        answers = await asyncio.gather(
            browser.post(path, data=GIST),
            browser.post(f"{path}/star"),
            browser.post(f"{path}/delete"),
            browser.post(f"{path}/star"),
            browser.post(f"{path}/fork"),
            browser.post(path, data=GIST),
            browser.post(f"{path}/delete"),
        )
        assert {answer.status_code for answer in answers} <= {303, 404}

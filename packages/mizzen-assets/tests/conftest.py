"""A small folder of sources, a client that speaks ASGI, and a watch over the event loop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from blockbuster import blockbuster_ctx

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    from mizzen.assets import Assets


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def nothing_blocks_the_loop() -> Iterator[None]:
    with blockbuster_ctx("mizzen.assets") as watch:
        # A relative path means what it meant when the component was made.
        watch.functions["os.path.abspath"].can_block_in("assets/_component.py", {"_absolute"})
        yield


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Sources that need no compiler: a stylesheet that refers to an image, and a script."""
    folder = tmp_path / "assets"
    (folder / "img").mkdir(parents=True)
    (folder / "site.css").write_text('body {\n  background: url("img/dot.svg");\n}\n' * 20)
    (folder / "img/dot.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>\n' * 20)
    (folder / "plain.js").write_text("console.log('plain');\n" * 20)
    return folder


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


@pytest.fixture
def get() -> Callable[..., Awaitable[Answer]]:
    """`await get(assets, path, method, accept_encoding="br")` sends one request."""

    async def send_one(app: Assets, path: str, method: str = "GET", **headers: str) -> Answer:
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        lines = [(n.replace("_", "-").encode(), v.encode()) for n, v in headers.items()]
        scope = {"type": "http", "method": method, "path": path, "headers": lines}
        await app(scope, receive, send)
        told = {n.decode(): v.decode() for n, v in sent[0]["headers"]}
        assert not sent[-1].get("more_body")
        return Answer(sent[0]["status"], told, b"".join(m["body"] for m in sent[1:]))

    return send_one

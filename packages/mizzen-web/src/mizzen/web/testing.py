"""What any site promises, as tests that yours can inherit; and the check of the ASGI protocol.

class TestMySite(SiteContract):
    @pytest.fixture
    def site(self) -> ASGIApp:
        return my_layers(web)
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from ._client import Client
from ._conformance import Checked

if TYPE_CHECKING:
    from .abc import ASGIApp, Message

__all__ = ["Checked", "SiteContract"]

Checked.__module__ = __name__


class SiteContract:
    """Subclass, and provide a `site`: an ASGI app that answers GET at `path`, and nothing else."""

    path = "/"

    @pytest.fixture
    def site(self) -> ASGIApp:
        """Return the app; what stands around it is part of what is tested."""
        raise NotImplementedError

    async def test_known_path_is_answered(self, site: ASGIApp) -> None:
        assert (await Client(site).get(self.path)).status == 200

    async def test_head_is_get_without_its_body(self, site: ASGIApp) -> None:
        full = await Client(site).get(self.path)
        head = await Client(site).head(self.path)
        assert (head.status, head.body) == (full.status, b"")
        assert head.headers.get("content-length") == full.headers.get("content-length")

    async def test_unknown_path_is_a_404_problem(self, site: ASGIApp) -> None:
        reply = await Client(site).get("/no/such/path")
        assert reply.status == 404
        assert reply.headers["content-type"] == "application/problem+json"
        assert reply.json()["status"] == 404

    async def test_unknown_path_is_a_page_for_a_browser(self, site: ASGIApp) -> None:
        reply = await Client(site).get("/no/such/path", headers={"accept": "text/html"})
        assert reply.status == 404
        assert reply.headers["content-type"].startswith("text/html")

    async def test_options_names_the_allowed_methods(self, site: ASGIApp) -> None:
        reply = await Client(site).options(self.path)
        assert reply.status == 204
        assert "GET" in reply.headers["allow"]

    async def test_unknown_websocket_is_refused(self, site: ASGIApp) -> None:
        with pytest.raises(ConnectionRefusedError):
            async with Client(site).websocket("/no/such/socket"):
                pass

    async def test_path_of_bad_utf8_is_answered(self, site: ASGIApp) -> None:
        assert (await Client(site).get("/%ff")).status in {400, 404}

    async def test_lifespan_starts_and_ends(self, site: ASGIApp) -> None:
        received = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])
        sent: list[Any] = []

        async def receive() -> Message:
            return next(received)

        async def send(message: Message) -> None:
            sent.append(message["type"])

        scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
        await asyncio.wait_for(site(scope, receive, send), 5)
        assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]

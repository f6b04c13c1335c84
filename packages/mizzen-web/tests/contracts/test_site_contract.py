"""The site's promises, by itself and mounted in another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mizzen.web import Web
from mizzen.web.testing import SiteContract

if TYPE_CHECKING:
    from mizzen.web.abc import ASGIApp


def hello() -> Web:
    web = Web()

    @web.get("/hello")
    async def index() -> dict[str, str]:
        return {"hello": "world"}

    return web


class TestSite(SiteContract):
    path = "/hello"

    @pytest.fixture
    def site(self) -> ASGIApp:
        return hello()


class TestMountedSite(SiteContract):
    path = "/inner/hello"

    @pytest.fixture
    def site(self) -> ASGIApp:
        outer = Web()
        outer.mount("/inner", hello())
        return outer

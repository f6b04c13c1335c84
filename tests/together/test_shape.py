"""Every component has the one shape that the umbrella, and a notebook, rely on."""

from __future__ import annotations

import importlib
import pickle
from types import FunctionType
from typing import TYPE_CHECKING, Any

import pytest

from mizzen.app import App, Component
from mizzen.assets import Assets
from mizzen.auth import Auth
from mizzen.cable import Cable
from mizzen.cache import Cache
from mizzen.orm import Database
from mizzen.queue import Queue
from mizzen.web import Web

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NAMES = ["app", "assets", "auth", "cable", "cache", "orm", "queue", "testing", "web"]

MAKERS: dict[str, Callable[[Path], Any]] = {
    "Database": lambda folder: Database("memory:"),
    "Queue": lambda folder: Queue("memory:"),
    "worker": lambda folder: Queue(f"sqlite:///{folder}/jobs.db").worker(),
    "Cache": lambda folder: Cache("memory:"),
    "Cable": lambda folder: Cable("memory:"),
    "Auth": lambda folder: Auth("memory:"),
    "Assets": lambda folder: Assets(folder, folder.parent / "out"),
    "Web": lambda folder: Web(),
    "App": lambda folder: App("shape", data=folder).use(cache=Cache("memory:")),
}


@pytest.fixture(params=MAKERS)
def component(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "hello.txt").write_text("hello")
    return MAKERS[request.param](folder)


async def test_it_is_a_component(component: Any) -> None:
    assert isinstance(component, Component)


async def test_it_starts_and_closes_as_often_as_one_likes(component: Any) -> None:
    for _ in range(2):
        assert await component.start() is component
        await component.start()
        assert (await component.health())["ok"] is True, await component.health()
        await component.aclose()
        await component.aclose()


async def test_health_before_the_start_is_an_answer_and_not_an_error(component: Any) -> None:
    report = await component.health()
    assert isinstance(report["ok"], bool)
    assert isinstance(report["detail"], dict)


async def test_stats_are_flat_numbers_with_stable_names(component: Any) -> None:
    before = set(component.stats())
    async with component:
        stats = component.stats()
    assert set(stats) >= before
    assert all(name.replace("_", "").isalnum() and name == name.lower() for name in stats)
    assert all(isinstance(value, int | float) for value in stats.values())


async def test_it_shows_itself_in_one_line_and_as_html(component: Any) -> None:
    assert "\n" not in repr(component)
    assert repr(component).startswith("<mizzen.")
    async with component:
        assert "\n" not in repr(component)
        assert "<table" in component._repr_html_()


async def test_its_view_falls_back_to_text_outside_a_notebook(component: Any) -> None:
    async with component:
        view = component.view()
        bundle = view._repr_mimebundle_()
        assert bundle["text/plain"]
        assert "<" in bundle["text/html"]
        view.close()
        view.close()


def test_the_namespace_belongs_to_nobody() -> None:
    assert importlib.import_module("mizzen").__file__ is None


@pytest.mark.parametrize("name", NAMES)
def test_every_public_error_survives_pickling_and_shares_one_base(name: str) -> None:
    module = importlib.import_module(f"mizzen.{name}")
    errors = [
        value
        for value in (getattr(module, public) for public in module.__all__)
        if isinstance(value, type) and issubclass(value, Exception)
    ]
    bases = [kind for kind in errors if not any(b in errors for b in kind.__mro__[1:])]
    assert len(bases) == 1, f"one base error, not {bases}"
    for kind in errors:
        assert pickle.loads(pickle.dumps(kind)) is kind


@pytest.mark.parametrize("name", NAMES)
def test_every_public_name_shows_its_public_path(name: str) -> None:
    module = importlib.import_module(f"mizzen.{name}")
    for public in module.__all__:
        value = getattr(module, public)
        if isinstance(value, type | FunctionType) and value.__module__.startswith("mizzen"):
            assert value.__module__ == f"mizzen.{name}", public

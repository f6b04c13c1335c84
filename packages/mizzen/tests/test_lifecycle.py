"""Start in order, stop in reverse, lose no error."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import anyio
import pytest

from mizzen.app import App, AppError, Component, StartFailed, StopFailed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Part:
    """A component of somebody else's, which notes what happens to it."""

    def __init__(self, name: str, log: list[str]) -> None:
        self.name, self.log = name, log
        self.on_start: Callable[[], None] = lambda: None
        self.on_close: Callable[[], None] = lambda: None
        self.hangs = False

    async def start(self) -> None:
        self.log.append(f"start {self.name}")
        self.on_start()

    async def aclose(self) -> None:
        if self.hangs:
            await anyio.sleep_forever()
        self.log.append(f"close {self.name}")
        self.on_close()

    async def health(self) -> dict[str, object]:
        return {"ok": self.name != "ill", "detail": {"it": "aches"}}

    def stats(self) -> dict[str, float]:
        return {"things_total": 3.0}


def fail(error: Exception) -> Callable[[], None]:
    def raiser() -> None:
        raise error

    return raiser


def test_a_users_own_class_is_a_component_by_its_shape() -> None:
    assert isinstance(Part("x", []), Component)


def test_what_is_no_component_is_refused_with_the_reason() -> None:
    with pytest.raises(AppError, match=r"lacks a component's shape: start\(\), aclose\(\)"):
        App().use(db=object())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def test_components_start_in_the_order_they_lean_on_each_other_and_stop_in_reverse() -> None:
    log: list[str] = []
    app = App().use(web=Part("web", log), mail=Part("mail", log), db=Part("db", log))
    async with app:
        pass
    assert log == [
        "start db", "start mail", "start web", "close web", "close mail", "close db",
    ]  # fmt: skip


async def test_a_failed_start_closes_what_was_started_and_names_the_component() -> None:
    log: list[str] = []
    broken = Part("web", log)
    broken.on_start = fail(OSError("no such socket"))
    app = App().use(db=Part("db", log), web=broken)
    with pytest.raises(StartFailed, match="`web` did not start: no such socket") as raised:
        await app.start()
    assert isinstance(raised.value.__cause__, OSError)
    assert log == ["start db", "start web", "close web", "close db"]


async def test_one_component_that_fails_to_close_keeps_no_other_open() -> None:
    log: list[str] = []
    broken = Part("web", log)
    broken.on_close = fail(ValueError("unsaved work"))
    app = App().use(db=Part("db", log), web=broken)
    await app.start()
    with pytest.raises(ValueError, match="unsaved work"):
        await app.aclose()
    assert log[-1] == "close db"


async def test_several_failures_while_closing_are_all_reported() -> None:
    log: list[str] = []
    parts = {name: Part(name, log) for name in ("db", "web")}
    for part in parts.values():
        part.on_close = fail(ValueError(part.name))
    app = await App().use(**parts).start()
    with pytest.raises(ExceptionGroup) as raised:
        await app.aclose()
    assert sorted(str(error) for error in raised.value.exceptions) == ["db", "web"]


async def test_a_component_that_hangs_is_left_behind_and_said_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log: list[str] = []
    stuck = Part("web", log)
    stuck.hangs = True
    monkeypatch.setenv("APP_APP__STOP_WITHIN", "0.1")
    app = await App().use(db=Part("db", log), web=stuck).start()
    with pytest.raises(StopFailed, match="`web` was not closed within"):
        await app.aclose()
    assert log[-1] == "close db"


async def test_starting_and_closing_twice_changes_nothing() -> None:
    log: list[str] = []
    app = App().use(db=Part("db", log))
    await app.start()
    await app.start()
    await app.aclose()
    await app.aclose()
    assert log == ["start db", "close db"]


async def test_the_app_starts_again_after_it_was_closed() -> None:
    log: list[str] = []
    app = App().use(db=Part("db", log))
    async with app:
        pass
    async with app:
        assert (await app.health())["ok"] is True
    assert log == ["start db", "close db"] * 2


async def test_components_cannot_be_swapped_under_a_running_app() -> None:
    async with App().use(db=Part("db", [])) as app:
        with pytest.raises(AppError, match="is running"):
            app.use(db=Part("other", []))


async def test_health_names_the_component_that_is_ill() -> None:
    async with App().use(good=Part("good", []), bad=Part("ill", [])) as app:
        assert await app.health() == {"ok": False, "detail": {"good": "ok", "bad": {"it": "aches"}}}


def test_stats_carry_the_components_name() -> None:
    assert App().use(mail=Part("mail", [])).stats() == {"mail_things_total": 3.0}


def test_a_component_is_found_by_its_class() -> None:
    part = Part("mail", [])
    assert App().use(mail=part).get(Part) is part
    with pytest.raises(AppError, match="has no Part"):
        App().get(Part)


async def test_aclose_may_come_from_another_task_than_start() -> None:
    """Two notebook cells are two tasks."""
    log: list[str] = []
    app = App().use(db=Part("db", log))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(app.start)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(app.aclose)
    assert log == ["start db", "close db"]


async def test_a_components_own_timeout_is_its_own_error() -> None:
    part = Part("db", [])
    part.on_close = fail(TimeoutError("the server did not say goodbye"))
    app = await App().use(db=part).start()
    with pytest.raises(TimeoutError, match="did not say goodbye"):
        await app.aclose()


async def test_a_component_whose_health_fails_is_ill_and_hides_no_other() -> None:
    class Moody(Part):
        async def health(self) -> dict[str, object]:
            raise RuntimeError("don't ask")

    async with App().use(good=Part("good", []), bad=Moody("bad", [])) as app:
        detail = {"good": "ok", "bad": "RuntimeError: don't ask"}
        assert await app.health() == {"ok": False, "detail": detail}


class Slow(Part):
    """A component whose start and close take until they are let go."""

    def __init__(self, name: str, log: list[str]) -> None:
        super().__init__(name, log)
        self.began, self.go_on = anyio.Event(), anyio.Event()

    async def start(self) -> None:
        self.began.set()
        await self.go_on.wait()
        await super().start()

    async def aclose(self) -> None:
        self.began.set()
        await self.go_on.wait()
        await super().aclose()

    def again(self) -> None:
        self.began, self.go_on = anyio.Event(), anyio.Event()


async def test_two_starts_at_once_are_one() -> None:
    log: list[str] = []
    slow = Slow("db", log)
    app = App().use(db=slow)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(app.start)
        tasks.start_soon(app.start)
        await slow.began.wait()
        slow.go_on.set()
    assert log == ["start db"]
    await app.aclose()


async def test_a_close_in_the_middle_of_a_start_comes_after_it() -> None:
    log: list[str] = []
    slow = Slow("db", log)
    app = App().use(db=slow)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(app.start)
        await slow.began.wait()
        tasks.start_soon(app.aclose)
        slow.go_on.set()
    assert log == ["start db", "close db"]


async def test_whoever_closes_second_waits_until_all_is_closed() -> None:
    log: list[str] = []
    slow = Slow("db", log)
    slow.go_on.set()
    app = await App().use(db=slow).start()
    slow.again()

    async def close_too() -> None:
        await app.aclose()
        assert log[-1] == "close db"

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(app.aclose)
        await slow.began.wait()
        tasks.start_soon(close_too)
        slow.go_on.set()


async def test_a_cancelled_close_still_closes_everything() -> None:
    """A kernel's interrupt, or `asyncio.wait_for`, must not leave half an app running."""
    log: list[str] = []
    slow = Slow("web", log)
    slow.go_on.set()
    app = await App().use(db=Part("db", log), web=slow).start()
    slow.again()
    closing = asyncio.ensure_future(app.aclose())
    await slow.began.wait()
    closing.cancel()
    await asyncio.wait([closing])
    assert closing.cancelled()
    slow.go_on.set()
    await app.aclose()
    assert log[-2:] == ["close web", "close db"]


async def test_what_an_app_prepares_comes_before_requests_and_jobs_at_each_start() -> None:
    log: list[str] = []
    app = App().use(web=Part("web", log), mail=Part("mail", log), db=Part("db", log))

    def run_the_cell(does: str) -> None:
        @app.on_start
        async def prepare() -> None:
            log.append(does)

        del prepare

    run_the_cell("an earlier version")
    run_the_cell("prepare")
    for _ in range(2):
        async with app:
            assert log[-4:] == ["start db", "start mail", "prepare", "start web"]
            assert list(app.components) == ["web", "mail", "db"]


async def test_a_preparation_that_fails_closes_what_was_started() -> None:
    log: list[str] = []
    app = App().use(db=Part("db", log), web=Part("web", log))
    app.on_start(fail_later)
    with pytest.raises(StartFailed, match="`on_start` did not start: no tables") as raised:
        await app.start()
    assert isinstance(raised.value.__cause__, ValueError)
    assert log == ["start db", "close db"]


async def fail_later() -> None:
    raise ValueError("no tables")


async def test_a_queue_has_workers_whether_or_not_it_is_configured(tmp_path: Path) -> None:
    app = App("shop", data=tmp_path)

    @app.queue.job
    async def pack(item: str) -> str:
        return f"packed {item}"

    async with app:
        assert await (await pack("tea").enqueue()).result(timeout=10) == "packed tea"

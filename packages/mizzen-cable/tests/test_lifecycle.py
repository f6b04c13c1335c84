from __future__ import annotations

import asyncio
import pickle
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

import mizzen.cable
from mizzen.cable import Cable, CableError, Channel, NotStarted, Refused, event

if TYPE_CHECKING:
    from collections.abc import Callable


async def test_start_and_close_are_idempotent_and_a_cable_starts_again(rooms: Cable) -> None:
    for _ in range(2):
        assert await rooms.start() is rooms
        await rooms.start()
        assert await rooms.health() == {"ok": True, "detail": {"broker": "ok"}}
        async with rooms.test() as t:
            await (await t.connect("ann")).join("room:1")
        await rooms.aclose()
        await rooms.aclose()
        assert (await rooms.health())["ok"] is False


async def test_a_cable_opened_in_one_task_is_closed_in_another(rooms: Cable) -> None:
    await asyncio.create_task(rooms.start())
    await asyncio.create_task(rooms.aclose())


async def test_use_before_start_says_what_to_do(rooms: Cable) -> None:
    for call in (rooms.publish("room:1", "x"), rooms.send("ann", "x"), rooms.presence("room:1")):
        with pytest.raises(NotStarted, match=r"await cable\.start"):
            await call


async def test_closing_ends_connections_so_that_clients_come_back(rooms: Cable) -> None:
    await rooms.start()
    async with rooms.test() as t:
        clients = [await t.connect(f"user {number}") for number in range(20)]
        for client in clients:
            await client.join("room:1")
        await rooms.aclose()
        assert {await client.closed() for client in clients} == {1012}
        assert rooms.stats()["connections"] == rooms.stats()["topics"] == 0


async def test_closing_waits_for_handlers_but_not_for_ever() -> None:
    cable = Cable(grace=0.2)
    ended: list[str] = []

    @cable.channel("work")
    class Work(Channel):
        async def authorize(self) -> bool:
            return True

        async def on_leave(self) -> None:
            ended.append("left")

        @event
        async def stuck(self) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                ended.append("cancelled")

    await cable.start()
    async with cable.test() as t:
        one, two = await t.connect("one"), await t.connect("two")
        await one.join("work")
        await two.join("work")
        stuck = asyncio.ensure_future(two.send("work", "stuck"))
        await asyncio.sleep(0.02)
        async with asyncio.timeout(2):
            await cable.aclose()
        assert sorted(ended) == ["cancelled", "left"]
        with pytest.raises(CableError):
            await stuck


async def test_a_failure_in_the_background_is_raised_by_the_next_call(rooms: Cable) -> None:
    await rooms.start()

    async def broken() -> None:
        raise RuntimeError("a bug")

    rooms._running().spawn(broken)  # pyright: ignore[reportPrivateUsage]
    await asyncio.sleep(0.01)
    with pytest.raises(CableError, match="a bug"):
        await rooms.publish("room:1", "x")
    await rooms.aclose()


@pytest.mark.extra("redis")
async def test_it_shows_itself_without_secrets(rooms: Cable) -> None:
    secret = Cable("redis://me:hunter2@db.example:6379/0?prefix=<b>")
    assert "hunter2" not in repr(secret) + secret._repr_html_()  # pyright: ignore[reportPrivateUsage]
    async with rooms.test() as t:
        await (await t.connect("ann")).join("room:1")
        assert repr(rooms).startswith("<mizzen.cable.Cable memory:")
        assert "1 connection," in repr(rooms)
        view = rooms.view()
        assert repr(view) == repr(rooms)
        shown: dict[str, Any] = view._repr_mimebundle_()  # pyright: ignore[reportPrivateUsage]
        assert "<table>" in shown["text/html"]
        view.close()
    assert all(isinstance(value, float) for value in rooms.stats().values())


def test_errors_survive_pickling() -> None:
    for error in (Refused("full", "no seat"), NotStarted("x"), CableError("y")):
        again = pickle.loads(pickle.dumps(error))
        assert (type(again), str(again)) == (type(error), str(error))


def test_public_names_are_all_and_show_their_public_path() -> None:
    public = {name for name in vars(mizzen.cable) if not name.startswith("_")}
    modules = {name for name in public if type(getattr(mizzen.cable, name)) is type(mizzen)}
    assert public - modules - {"annotations"} == set(mizzen.cable.__all__)
    for name in mizzen.cable.__all__:
        assert getattr(mizzen.cable, name).__module__ == "mizzen.cable"


def test_importing_it_loads_no_heavy_library() -> None:
    code = (
        "import sys, mizzen.cable; mizzen.cable.Cable(); "
        "print([m for m in ('socketio', 'redis', 'anyio', 'aiohttp', 'IPython', 'pytest') "
        "if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


def test_the_fixture_of_the_plugin_is_a_cable(mizzen_cable: Cable) -> None:
    assert "not started" in repr(mizzen_cable)


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    monkeypatch.setitem(sys.modules, "redis.asyncio", None)
    monkeypatch.delitem(sys.modules, "mizzen.cable.brokers.redis", raising=False)
    with pytest.raises(CableError, match=r"mizzen-cable\[redis\]"):
        Cable("redis://127.0.0.1")


@pytest.mark.extra("uvicorn")
async def test_lifespan_starts_and_closes(rooms: Cable, serve: Callable[[Any], Any]) -> None:
    await serve(rooms)
    assert (await rooms.health())["ok"] is True

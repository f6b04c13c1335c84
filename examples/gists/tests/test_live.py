"""What open browsers are told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mizzen.cable import Refused

if TYPE_CHECKING:
    import httpx

    from mizzen.app import App

FORM = {"title": "Live", "name": ["a.py"], "content": ["x = 1"]}


async def test_a_new_gist_is_told_to_everyone_who_sees_the_list(
    app: App, ann: httpx.AsyncClient
) -> None:
    async with app.cable.test() as tester:
        watcher = await tester.connect()
        await watcher.join("gists")
        path = (await ann.post("/gists", data=FORM)).url.path
        told = await watcher.receive()
        assert told.event == "changed"
        assert f'href="{path}"' in told.payload["html"]


@pytest.mark.parametrize("visibility", ["private", "unlisted"])
async def test_what_is_not_public_is_told_to_nobody_in_the_list(
    app: App, ann: httpx.AsyncClient, visibility: str
) -> None:
    async with app.cable.test() as tester:
        watcher = await tester.connect()
        await watcher.join("gists")
        await ann.post("/gists", data={**FORM, "visibility": visibility})
        assert (await watcher.receive()).payload["html"] is None


async def test_the_room_of_a_private_gist_is_closed_to_others(
    app: App, ann: httpx.AsyncClient
) -> None:
    path = (await ann.post("/gists", data={**FORM, "visibility": "private"})).url.path
    topic = f"gist:{path.removeprefix('/g/')}"
    owner = await app.auth.find("ann")
    async with app.cable.test() as tester:
        await (await tester.connect(owner)).join(topic)
        with pytest.raises(Refused):
            await (await tester.connect()).join(topic)


async def test_viewers_of_a_gist_are_counted(app: App, ann: httpx.AsyncClient) -> None:
    path = (await ann.post("/gists", data=FORM)).url.path
    topic = f"gist:{path.removeprefix('/g/')}"
    async with app.cable.test() as tester:
        first, second = await tester.connect(), await tester.connect()
        assert len(await first.join(topic)) == 1
        assert len(await second.join(topic)) == 2
        assert (await first.receive()).payload["members"] == 2
        await second.leave(topic)
        assert (await first.receive()).payload["members"] == 1

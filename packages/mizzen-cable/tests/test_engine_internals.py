"""What `_engine` relies on inside python-socketio and python-engineio, lest a release break it."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import engineio  # type: ignore[import-untyped]
import pytest
import socketio  # type: ignore[import-untyped]

from mizzen.cable.testing import Client, Closed

if TYPE_CHECKING:
    from mizzen.cable import Cable

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false


@pytest.mark.parametrize(
    ("owner", "name", "parameters"),
    [
        (engineio.AsyncServer, "_handle_connect", ["self", "environ", "transport", "jsonp_index"]),
        (engineio.AsyncServer, "handle_request", ["self", "args", "kwargs"]),
        (socketio.AsyncServer, "_handle_connect", ["self", "eio_sid", "namespace", "data"]),
        (socketio.AsyncServer, "_handle_eio_message", ["self", "eio_sid", "data"]),
        (socketio.AsyncServer, "_handle_eio_disconnect", ["self", "eio_sid", "reason"]),
        (socketio.AsyncServer, "_engineio_server_class", ["self"]),
        (socketio.AsyncManager, "basic_disconnect", ["self", "sid", "namespace", "kwargs"]),
        (socketio.AsyncManager, "basic_leave_room", ["self", "sid", "namespace", "room"]),
        (socketio.AsyncManager, "eio_sid_from_sid", ["self", "sid", "namespace"]),
    ],
)
def test_the_methods_we_replace_and_call_are_there(
    owner: Any, name: str, parameters: list[str]
) -> None:
    assert list(inspect.signature(getattr(owner, name)).parameters) == parameters


async def test_nothing_is_left_in_its_tables(rooms: Cable) -> None:
    async with rooms.test() as t:
        server: Any = rooms._server  # pyright: ignore[reportPrivateUsage]
        for number in range(10):
            client = await t.connect(f"user {number}")
            await client.join("room:1")
            await client.close()
        assert (server.eio.sockets, server.environ, server._peers) == ({}, {}, {})
        assert server.manager.rooms == {}
        assert (server.manager.pending_connect, server.manager.pending_disconnect) == ({}, {})


async def test_a_session_cannot_be_taken_over_by_its_id(rooms: Cable) -> None:
    async with rooms.test() as t:
        ann = await t.connect("ann")
        await ann.join("room:1")
        server: Any = rooms._server  # pyright: ignore[reportPrivateUsage]
        scope = {
            "type": "websocket",
            "path": "/cable/",
            "query_string": f"EIO=4&transport=websocket&sid={next(iter(server.links))}".encode(),
            "headers": [],
        }
        thief = Client(rooms, scope)
        with pytest.raises(Closed):
            await thief.open()
        assert await ann.send("room:1", "echo", 1) == 1

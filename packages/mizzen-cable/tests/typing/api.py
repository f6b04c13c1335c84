"""The public API as users write it; checked by pyright and mypy, never run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_type

from mizzen.cable import Cable, Channel, Connection, Limits, Member, Refused, client_path, event

if TYPE_CHECKING:
    from mizzen.cable.abc import Scope


class User:
    id = "1"
    name = "Ann"


async def identify(scope: Scope) -> User | None:
    return User() if scope["headers"] else None


cable = Cable("memory:", path="/live", origins=["https://a.org"], limits=Limits(payload="1MB"))


@cable.channel("gist:{id}")
class GistRoom(Channel):
    presence = False

    async def authorize(self) -> bool:
        assert_type(self.connection, Connection)
        return self.params["id"] != "0"

    async def on_join(self) -> None:
        await self.broadcast("hello", {"topic": self.topic}, others=True)

    @event
    async def typing(self, text: str) -> int:
        if not text:
            raise Refused("empty", "say something")
        self.connection.deliver("echo", text)
        return len(text)

    @event("renamed")
    async def rename(self, title: str, *, silent: bool = False) -> None: ...


async def use(room: GistRoom) -> None:
    assert_type(await room.typing("x"), int)
    async with cable as same:
        assert_type(same, Cable)
        await cable.publish("gist:1", "changed", {"title": "x"})
        await cable.send("1", "notice")
        await cable.disconnect("1")
        assert_type(await cable.presence("gist:1"), list[Member])
        assert_type(await cable.health(), dict[str, object])
        assert_type(cable.stats(), dict[str, float])
    async with cable.test() as t:
        client = await t.connect(user="ann")
        await client.join("gist:1")
        received = await client.receive()
        assert_type(received.event, str)
        assert_type(received.payload, Any)


assert_type(client_path().name, str)
other = Cable(identify=identify)

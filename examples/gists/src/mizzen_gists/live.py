"""The live side: a list everyone follows, a room for each gist, and the import's progress."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from mizzen.cable import Channel, event

from .models import Gist, Visibility
from .policy import may_see

if TYPE_CHECKING:
    from mizzen.cable import Cable
    from mizzen.web import Web

    from .importing import Importer


def open_channels(cable: Cable, importer: Importer) -> None:
    """Register the channels."""

    @cable.channel("gists")
    class List(Channel):
        """Every public gist that comes, changes or goes."""

        async def authorize(self) -> bool:
            return True

    @cable.channel("import")
    class Import(Channel):
        """How far the import of the standard library is."""

        async def authorize(self) -> bool:
            return True

        @event
        async def now(self) -> dict[str, object]:
            """Answer how far it is: a page may be older than its connection."""
            return asdict(await importer.progress())

    @cable.channel("gist:{id}")
    class Room(Channel):
        """Those who look at one gist."""

        async def authorize(self) -> bool:
            gist = await Gist.find(self.params["id"])
            return gist is not None and may_see(gist, self.connection.identity)

    del List, Import, Room  # registered; nobody calls them by name


class Announcer:
    """Tells open browsers what happened; a card is rendered by the page's own template."""

    def __init__(self, cable: Cable, web: Web) -> None:
        self._cable, self._web = cable, web

    def card(self, gist: Gist) -> str:
        """Return a gist as lists show it."""
        return self._web.views.render("gists/_card.html", None, {"gist": gist})

    async def changed(self, gist: Gist) -> None:
        """A gist is new or different; one that is no longer public leaves the lists."""
        html = self.card(gist) if gist.visibility is Visibility.PUBLIC else None
        await self._cable.publish("gists", "changed", {"id": gist.id, "html": html})
        await self._cable.publish(f"gist:{gist.id}", "changed", {"id": gist.id})

    async def gone(self, gist: Gist) -> None:
        """A gist was deleted."""
        await self._cable.publish("gists", "changed", {"id": gist.id, "html": None})
        await self._cable.publish(f"gist:{gist.id}", "changed", {"id": gist.id})

    async def starred(self, gist: Gist, stars: int) -> None:
        """A gist has another number of stars."""
        await self._cable.publish(f"gist:{gist.id}", "stars", {"stars": stars})

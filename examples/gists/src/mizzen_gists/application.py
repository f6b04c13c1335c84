"""The whole application, put together."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mizzen.app import App

from . import accounts, failing, pages, searching
from .importing import Importer
from .live import Announcer, open_channels

if TYPE_CHECKING:
    import os

HERE = Path(__file__).parent


def build(data: str | os.PathLike[str], *, everything: bool = False) -> App:
    """Return the application, not started, that keeps its data in the folder *data*.

    With *everything*, the import takes in all of the standard library, its tests included.
    """
    app = App("gists", config=HERE / "gists.toml", data=data)
    announcer = Announcer(app.cable, app.web)
    importer = Importer(
        db=app.db, queue=app.queue, auth=app.auth, cable=app.cable,
        announcer=announcer, everything=everything,
    )  # fmt: skip
    app.use(importer=importer)
    app.web.provide(announcer)
    open_channels(app.cable, importer)
    failing.add_answers(app.web)
    accounts.add_routes(app.web)
    pages.add_routes(app.web)
    searching.add_routes(app.web)
    return app

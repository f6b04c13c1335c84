"""From a section of the configuration to a component: built when first asked for, without I/O."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._settings import (
    AssetsSection,
    AuthSection,
    CableSection,
    CacheSection,
    DatabaseSection,
    QueueSection,
    WebSection,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mizzen.assets import Assets
    from mizzen.auth import Auth
    from mizzen.cable import Cable
    from mizzen.cache import Cache
    from mizzen.orm import Database
    from mizzen.queue import Queue
    from mizzen.web import Web

    from ._app import App
    from .abc import Component


def build_db(app: App) -> Database:
    from mizzen.orm import Database

    return Database(database_url(app))


def build_queue(app: App) -> Queue:
    from mizzen.queue import Queue

    section = app.settings.queue or QueueSection()
    return Queue(absolute(app, section.url) if section.url else database_url(app))


def build_cache(app: App) -> Cache:
    from mizzen.cache import Cache

    section = app.settings.cache or CacheSection()
    return Cache(*(absolute(app, tier) for tier in section.tiers))


def build_cable(app: App) -> Cable:
    from mizzen.cable import Cable

    section = app.settings.cable or CableSection()
    _ = app.auth  # built now, as it has to start with the app

    async def identify(scope: Mapping[str, Any]) -> Any:
        return await app.auth.identify(scope)  # also one that came later by `app.use(auth=…)`

    return Cable(section.url, path=section.path, origins=section.origins, identify=identify)


def build_auth(app: App) -> Auth:
    from mizzen.auth import Auth

    section = app.settings.auth or AuthSection()
    url = absolute(app, section.url) if section.url else database_url(app)
    return Auth(url, secret=section.secret)


def build_assets(app: App) -> Assets:
    from mizzen.assets import Assets
    from mizzen.cable import client_path

    section = app.settings.assets or AssetsSection()
    return Assets(
        app.folder / section.source,
        output=app.data / section.output,
        prefix=section.prefix,
        entries=section.entries or None,
        aliases={"mizzen-cable": client_path()},
    )


def build_web(app: App) -> Web:
    from mizzen.web import Web

    section = app.settings.web or WebSection()
    views = None if section.views is None else str(app.folder / section.views)
    return Web(views=views, debug=section.debug)


PROVIDERS: dict[str, Callable[[App], Component]] = {
    "db": build_db,
    "queue": build_queue,
    "cache": build_cache,
    "cable": build_cable,
    "auth": build_auth,
    "assets": build_assets,
    "web": build_web,
}


def database_url(app: App) -> str:
    """Return where the tables of the app, its jobs and its users live: one file by default."""
    section = app.settings.db or DatabaseSection()
    return absolute(app, section.url or f"sqlite:///{app.name}.db")


def absolute(app: App, url: str) -> str:
    """Read a relative SQLite or diskcache path from the app's data folder, not from the shell's."""
    for scheme in ("sqlite:///", "diskcache:///"):
        path = url.removeprefix(scheme)
        if path != url and not Path(path).is_absolute():
            return f"{scheme}{(app.data / path).absolute()}"
    return url

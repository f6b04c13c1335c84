"""Every setting there is, by section, with its default.

No `from __future__ import annotations` here: msgspec looks names up in the module that a class
says it is from, and `Settings` says its public one.
"""

from typing import Any

import msgspec


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of the configuration file; a key that isn't here is an error, not a default."""


class AppSection(Section, frozen=True):
    """`[app]`: where data lies, and how long a stop may take (seconds), requests and jobs included.

    A stop cuts short what runs longer than a third of that; such a job runs again later.
    """

    data: str | None = None
    stop_within: float = 4.0


class ServerSection(Section, frozen=True):
    """`[server]`: where `mizzen server` listens."""

    host: str = "127.0.0.1"
    port: int = 8000


class DatabaseSection(Section, frozen=True):
    """`[db]`: the application's own tables; `migrations` is a folder, applied at start."""

    url: str | None = None
    migrations: str | None = None


class QueueSection(Section, frozen=True):
    """`[queue]`: jobs, by default in the database's own file; `workers` run inside the app."""

    url: str | None = None
    workers: int = 4


class CacheSection(Section, frozen=True):
    """`[cache]`: tiers, nearest first."""

    tiers: list[str] = msgspec.field(default_factory=lambda: ["memory:"])


class CableSection(Section, frozen=True):
    """`[cable]`: the broker, and the path that clients connect to."""

    url: str = "memory:"
    path: str = "/cable"
    origins: list[str] | None = None


class AuthSection(Section, frozen=True):
    """`[auth]`: users and sessions, by default in the database's own file."""

    url: str | None = None
    secret: str | None = None


class AssetsSection(Section, frozen=True):
    """`[assets]`: sources, where the built files go, and the entry points."""

    source: str = "assets"
    output: str = "public/assets"
    prefix: str = "/assets/"
    entries: list[str] = msgspec.field(default_factory=list[str])


class WebSection(Section, frozen=True):
    """`[web]`: templates, and whether errors show their source."""

    views: str | None = None
    debug: bool = False


class ObserveSection(Section, frozen=True):
    """`[observe]`: `/health…`, `/metrics`; with a token, details need `Authorization: Bearer`."""

    health: bool = True
    metrics: bool = True
    token: str | None = None


class Settings(Section, frozen=True):
    """A whole configuration; `custom` is the application's own table, passed on as it is."""

    app: AppSection = AppSection()
    server: ServerSection = ServerSection()
    db: DatabaseSection | None = None
    queue: QueueSection | None = None
    cache: CacheSection | None = None
    cable: CableSection | None = None
    auth: AuthSection | None = None
    assets: AssetsSection | None = None
    web: WebSection | None = None
    observe: ObserveSection = ObserveSection()
    custom: dict[str, Any] = msgspec.field(default_factory=dict[str, Any])

"""`mizzen db module:app status|make|up|down`: the migrations of an app's database."""

from __future__ import annotations

import asyncio
from typing import Any

from .._errors import ConfigError
from .._locate import locate
from ..cli import parser

# What to say when there was nothing to do or to show.
NOTHING = {
    "status": "there are no migrations yet; `make` writes the first",
    "make": "the models and the migrations say the same; nothing to make",
    "up": "every migration is applied already",
    "down": "no migration is applied; there is nothing to take back",
}


def run(arguments: list[str]) -> int:
    """Migrate."""
    options = parser("db")
    options.add_argument("action", choices=["status", "make", "up", "down"])
    options.add_argument("message", nargs="?", default="changes", help="what `make` is for")
    chosen = options.parse_args(arguments)
    app = locate(chosen.app)
    folder = app.settings.db.migrations if app.settings.db else None
    if folder is None:
        raise ConfigError("the app has no migrations folder; set `migrations` in [db]")

    async def migrate() -> list[str]:
        async with app.db as db:
            migrations = db.migrations(app.folder / folder)
            if chosen.action == "make":
                made = await migrations.make(chosen.message)
                return [f"made      {made}"] if made else []
            if chosen.action == "status":
                return [line(each) for each in await migrations.status()]
            return [line(each) for each in await getattr(migrations, chosen.action)()]

    print("\n".join(asyncio.run(migrate()) or [NOTHING[chosen.action]]))
    return 0


def line(migration: Any) -> str:
    """Show one migration and what it is for."""
    state = "applied" if migration.applied else "pending"
    return f"{state:<9} {migration.revision}  {migration.message}"

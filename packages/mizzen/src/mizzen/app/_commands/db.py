"""`mizzen db module:app status|make|up|down`: the migrations of an app's database."""

from __future__ import annotations

import asyncio

from .._errors import ConfigError
from .._locate import locate
from ..cli import parser


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

    async def migrate() -> object:
        async with app.db as db:
            migrations = db.migrations(app.folder / folder)
            if chosen.action == "make":
                return await migrations.make(chosen.message)
            return await getattr(migrations, chosen.action)()

    print(asyncio.run(migrate()))
    return 0

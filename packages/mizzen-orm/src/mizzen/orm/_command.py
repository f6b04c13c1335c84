"""`mizzen-orm migrate …`: migrations from the command line.

`--url` may come from the environment (DATABASE_URL), so that no password stands in a list of
processes.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import os
import sys
from typing import TYPE_CHECKING, Any

from ._database import Database
from ._errors import ConfigurationError, OrmError, SchemasFailed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ._migrations.migrations import Migration, Migrations
    from ._migrations.schemas import SchemaMigrations

# What may go through many schemas.
_FOR_SCHEMAS = {"up", "down", "redo", "status", "history"}
# What to say when there was nothing to do or to show.
NOTHING = {
    "make": "the models and the migrations say the same; nothing to make",
    "up": "every migration is applied already",
    "down": "no migration is applied; there is nothing to take back",
    "redo": "no migration is applied; there is nothing to do again",
    "status": "there are no migrations yet; `make` writes the first",
    "history": "no migration is applied",
    "merge": "there is one head; nothing to merge",
    "sql": "-- nothing to do",
    "lint": "nothing found",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; 0 is well, 1 is an error or a finding of the lint, 2 a wrong call."""
    chosen = _parser().parse_args(arguments)
    sys.path.insert(0, os.getcwd())
    try:
        for module in chosen.models:
            importlib.import_module(module)
        lines, code = asyncio.run(_run(chosen))
    except SchemasFailed as error:
        print("\n".join(_by_schema(error.done)))
        for schema, why in error.errors.items():
            print(f"error: schema {schema}: {why}", file=sys.stderr)
        return 1
    except OrmError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:
        print(f"error: --models: {error}", file=sys.stderr)
        return 2
    print("\n".join(lines or [NOTHING.get(chosen.action, "done")]))
    return code


async def _run(chosen: argparse.Namespace) -> tuple[list[str], int]:
    if not chosen.url:
        raise ConfigurationError("which database? say --url, or set DATABASE_URL.")
    async with Database(chosen.url) as database:
        migrations = database.migrations(chosen.folder, shared=chosen.shared)
        if chosen.action in _FOR_SCHEMAS and (chosen.schema or chosen.every_schema):
            names: list[str] = [] if chosen.every_schema else chosen.schema
            many = migrations.schemas(*names)
            return _by_schema(await _moved(many, chosen)), 0
        if len(chosen.schema) > 1 or chosen.every_schema:
            raise ConfigurationError(f"{chosen.action} is for one schema at a time.")
        if chosen.schema:
            migrations = migrations.in_schema(chosen.schema[0])
        if chosen.action == "lint":
            found = await migrations.lint(dialect=chosen.dialect, pending=chosen.pending)
            serious = {"error", "warning"} if chosen.strict else {"error"}
            return [str(each) for each in found], int(any(f.severity in serious for f in found))
        return await _acted(migrations, chosen), 0


async def _acted(migrations: Migrations, chosen: argparse.Namespace) -> list[str]:
    match chosen.action:
        case "make":
            made = await migrations.make(
                chosen.message,
                renames=dict(chosen.rename),
                drops=chosen.drops,
                empty=chosen.empty,
                data=chosen.data,
            )
            return [f"made      {made}"] if made else []
        case "merge":
            merged = await migrations.merge(chosen.message)
            return [f"made      {merged}"] if merged else []
        case "squash":
            return [f"made      {await migrations.squash(chosen.first, chosen.last)}"]
        case "resolve":
            await migrations.resolve(chosen.revision, applied=chosen.state == "applied")
            return [f"{chosen.state:<9} {chosen.revision}"]
        case "sql":
            text = await migrations.sql(
                chosen.direction, steps=chosen.steps, to=chosen.to, dialect=chosen.dialect
            )
            return [text] if text else []
        case _:
            return _shown(await _moved(migrations, chosen))


async def _moved(migrations: Migrations | SchemaMigrations, chosen: argparse.Namespace) -> Any:
    match chosen.action:
        case "up":
            return await migrations.up(chosen.steps, to=chosen.to)
        case "down":
            return await migrations.down(chosen.steps, to=chosen.to)
        case "redo":
            return await migrations.redo(chosen.steps)
        case "history":
            return await migrations.history()
        case _:
            return await migrations.status()


def _by_schema(found: Mapping[str, list[Migration]]) -> list[str]:
    return [
        line
        for schema, steps in found.items()
        if steps
        for line in (f"schema {schema}", *(f"  {line}" for line in _shown(steps)))
    ]


def _shown(found: list[Migration]) -> list[str]:
    return [
        f"{each.state:<9} {each.revision}  {each.message}" + (f"\n  {each.note}" * bool(each.note))
        for each in found
    ]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mizzen-orm", description="Models and migrations.")
    commands = parser.add_subparsers(dest="command", required=True)
    actions = commands.add_parser("migrate", help="make and apply migrations").add_subparsers(
        dest="action", required=True
    )
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--url", default=os.environ.get("DATABASE_URL"), help="DATABASE_URL")
    shared.add_argument("--folder", default="migrations", help="where the files are")
    shared.add_argument(
        "--models", action="append", default=[], help="a module that defines models (repeatable)"
    )
    shared.add_argument(
        "--schema", action="append", default=[], help="a schema of PostgreSQL (repeatable)"
    )
    shared.add_argument(
        "--every-schema", action="store_true", help="every schema that was migrated before"
    )
    shared.add_argument(
        "--shared", action="append", default=[], help="a schema to look into after it (repeatable)"
    )

    def action(name: str, words: str) -> argparse.ArgumentParser:
        return actions.add_parser(name, help=words, parents=[shared])

    make = action("make", "write a migration from what the models say")
    make.add_argument("message")
    make.add_argument("--rename", type=_pair, action="append", default=[], metavar="OLD=NEW")
    make.add_argument("--drops", action="store_true", help="drop tables whose model is gone")
    make.add_argument("--empty", action="store_true", help="a file to fill by hand")
    make.add_argument("--data", action="store_true", help="a file that moves rows")
    for name, words in (("up", "apply what is missing"), ("down", "take the last ones back")):
        moves = action(name, words)
        moves.add_argument("--steps", type=int, default=None if name == "up" else 1)
        moves.add_argument("--to", help="a revision" + (' or "base"' if name == "down" else ""))
    action("redo", "take the last back and apply it again").add_argument(
        "--steps", type=int, default=1
    )
    action("status", "show every migration")
    action("history", "show what is applied, in the order of time")
    squash = action("squash", "make one file of several")
    squash.add_argument("first")
    squash.add_argument("last")
    action("merge", "join branches").add_argument("message", nargs="?", default="merge")
    resolve = action("resolve", "say how a step that stopped midway was settled by hand")
    resolve.add_argument("revision")
    resolve.add_argument("state", choices=["applied", "undone"])
    sql = action("sql", "show the SQL, and change nothing")
    sql.add_argument("direction", nargs="?", choices=["up", "down"], default="up")
    sql.add_argument("--steps", type=int)
    sql.add_argument("--to")
    lint = action("lint", "say what migrations would do to a database in use")
    lint.add_argument("--pending", action="store_true", help="only those that are not applied")
    lint.add_argument("--strict", action="store_true", help="warnings fail, too")
    for each in (sql, lint):
        each.add_argument("--dialect", choices=["postgresql", "mysql", "sqlite"])
    return parser


def _pair(text: str) -> tuple[Any, Any]:
    old, equals, new = text.partition("=")
    if not (old and equals and new):
        raise argparse.ArgumentTypeError(f'"{text}" is not OLD=NEW')
    return old, new

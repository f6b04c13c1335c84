"""What the database remembers of its migrations: one row for each step."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import (
    Column,
    DateTime,
    MetaData,
    String,
    Table,
    Text,
    delete,
    insert,
    inspect,
    select,
    text,
    update,
)

from .._errors import MigrationFailed

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from .files import History, Step

TABLE = Table(
    "mizzen_migration",
    MetaData(),
    Column("revision", String(64), primary_key=True),
    Column("message", String(200), nullable=False),
    Column("checksum", String(64), nullable=False),
    Column("state", String(16), nullable=False),  # "applied", or "up"/"down" while on the way
    Column("progress", Text(), nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
)


class Row(NamedTuple):
    """What the database says of one step."""

    revision: str
    checksum: str
    state: str
    progress: str
    changed_at: datetime


def rows(connection: Connection) -> dict[str, Row]:
    """Return the rows by revision, in the order in which they came; none without the table."""
    if not is_there(connection):
        return {}
    if is_old(connection):
        heads = connection.execute(text(f"SELECT version_num FROM {TABLE.name}")).scalars()  # noqa: S608
        return {head: Row(head, "", "head", "", now()) for head in heads}
    wanted = (TABLE.c[name] for name in Row._fields)
    found = connection.execute(select(*wanted).order_by(TABLE.c.changed_at, TABLE.c.revision))
    made = [Row(*row) for row in found]
    return {row.revision: row._replace(changed_at=_aware(row.changed_at)) for row in made}


def applied(connection: Connection, history: History) -> dict[str, Row]:
    """Return the rows, with what older ones mean: a head stands for all before it.

    Raises `MigrationFailed` for a step that the folder doesn't have.
    """
    found = rows(connection)
    if newer := ", ".join(sorted(revision for revision in found if revision not in history)):
        raise MigrationFailed(
            f"{history.folder}: the database has a migration that is not here ({newer}): it was "
            "written by a newer version of the program; use that one."
        )
    for row in [row for row in found.values() if row.state == "head"]:
        for revision in sorted(history.ancestors(history.find(row.revision))):
            found[revision] = row._replace(revision=revision, state="applied")
    return found


def prepare(connection: Connection, history: History) -> None:
    """Make the table, or bring an older layout (Alembic's, heads only) to this one."""
    if is_old(connection):
        have = applied(connection, history)
        connection.execute(text(f"DROP TABLE {TABLE.name}"))
        TABLE.create(connection)
        for step in history:
            if step.revision in have:
                record(connection, step)
    elif not is_there(connection):
        TABLE.create(connection, checkfirst=False)


def record(connection: Connection, step: Step, state: str = "applied", progress: str = "") -> None:
    """Write the row of *step*, new or again."""
    connection.execute(delete(TABLE).where(TABLE.c.revision == step.revision))
    connection.execute(
        insert(TABLE).values(
            revision=step.revision,
            message=step.message[:200],
            checksum=step.checksum,
            state=state,
            progress=progress,
            changed_at=now(),
        )
    )


def note(connection: Connection, step: Step, progress: str) -> None:
    """Say how far a step on the way is."""
    connection.execute(
        update(TABLE).where(TABLE.c.revision == step.revision).values(progress=progress)
    )


def forget(connection: Connection, step: Step) -> None:
    """Remove the row of *step*, and those of the steps it replaces."""
    gone = [step.revision, *step.replaces]
    connection.execute(delete(TABLE).where(TABLE.c.revision.in_(gone)))


def now() -> datetime:
    """Return the time, aware, in UTC."""
    return datetime.now(UTC)


def is_old(connection: Connection) -> bool:
    """Return whether the table has the older layout, which knows heads only."""
    there = inspect(connection)
    return is_there(connection) and all(
        column["name"] == "version_num" for column in there.get_columns(TABLE.name)
    )


def is_there(connection: Connection, schema: str | None = None) -> bool:
    """Return whether *schema*, or else the connection's own, has the table."""
    # Without a name PostgreSQL would also show the table of another schema in the path.
    there = inspect(connection)
    return there.has_table(TABLE.name, schema=schema or there.default_schema_name)


def _aware(when: datetime) -> datetime:
    return when if when.tzinfo else when.replace(tzinfo=UTC)

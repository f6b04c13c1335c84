"""Encrypt a model's rows anew: after a key was put first, or for rows from before encryption."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import String, and_, inspect, or_, select, tuple_, type_coerce, update

from .._connections import sessions
from .._core import current
from .._models import known
from . import sealing
from .encrypted import EncryptedText
from .keys import configured

if TYPE_CHECKING:
    from .._core import Core
    from .._models.model import Model

_ROWS_AT_ONCE = 500


def encrypted_fields(model: type[Model]) -> tuple[str, ...]:
    """Return the names of the encrypted fields of *model*."""
    return tuple(
        attribute.key
        for attribute in inspect(model).column_attrs
        if isinstance(attribute.columns[0].type, EncryptedText)
    )


async def reencrypt(model: type[Model], *, database: Core | None = None) -> int:
    """Encrypt anew, with the first key, what is under another one or plain; return how many rows.

    It goes through the table in batches, each in a transaction of its own unless one is open; it
    can be stopped and run again, beside other writers: a value that changes meanwhile is left to
    its writer. Callbacks don't run, and `updated_at` stays.
    """
    known.require(model)
    database = database or current()
    done, after = 0, None
    while True:
        found = await _reencrypt_some(model, database, after)
        if found is None:
            return done
        after, changed = found
        done += changed


async def _reencrypt_some(
    model: type[Model], database: Core, after: tuple[Any, ...] | None
) -> tuple[tuple[Any, ...], int] | None:
    table: Any = inspect(model).local_table
    keys = list(table.primary_key.columns)
    columns = [table.columns[name] for name in _columns(model)]
    stale = or_(*(_is_stale(column) for column in columns))
    rows: Any = select(*keys, *(_raw(column) for column in columns)).where(stale)
    if after is not None:
        rows = rows.where(tuple_(*keys) > tuple_(*after))
    rows = rows.order_by(*keys).limit(_ROWS_AT_ONCE)
    changed = 0
    async with sessions.writer(database) as session:
        found = [tuple(row) for row in await session.execute(rows)] if columns else []
        for row in found:
            key, texts = row[: len(keys)], row[len(keys) :]
            same_row = [column == part for column, part in zip(keys, key, strict=True)]
            fresh = {
                column: column.type.process_result_value(text, None)
                for column, text in zip(columns, texts, strict=True)
                if text is not None and not text.startswith(_current(column))
            }
            unchanged = [
                _raw(column) == text
                for column, text in zip(columns, texts, strict=True)
                if column in fresh
            ]
            values = {column.name: value for column, value in fresh.items()}
            # What follows an update, such as `updated_at`, keeps its value.
            kept = {
                column.name: column
                for column in table.columns
                if column.onupdate is not None and column.name not in values
            }
            statement = update(table).where(and_(*same_row, *unchanged)).values({**values, **kept})
            done: Any = await session.execute(statement)
            changed += int(done.rowcount)
    return (found[-1][: len(keys)], changed) if found else None


def _columns(model: type[Model]) -> list[str]:
    attributes = inspect(model).column_attrs
    return [attributes[name].columns[0].name for name in encrypted_fields(model)]


def _is_stale(column: Any) -> Any:
    raw = _raw(column)
    return and_(raw.is_not(None), raw.not_like(_like(_current(column)), escape="\\"))


def _current(column: Any) -> str:
    return sealing.prefix(configured().ids[0], same=column.type.deterministic)


def _like(prefix: str) -> str:
    return prefix.replace("_", "\\_") + "%"


def _raw(column: Any) -> Any:
    return type_coerce(column, String())

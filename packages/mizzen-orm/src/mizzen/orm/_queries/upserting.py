"""INSERT … ON CONFLICT: rows that are new are inserted, others updated or left alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import and_, inspect
from sqlalchemy.dialects import postgresql, sqlite

from .._connections import sessions
from .._errors import ConfigurationError, Invalid, NotUnique, UnknownName
from .._models import living_unique
from .._models.family import refuse_bulk
from .._models.validation import validate
from .._tenancy.column import require_own
from . import upserting_mysql
from .lookups import column

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .._core import Core

# SQLite takes 32,766 parameters in a statement.
_PARAMETERS = 8_000


async def upsert(
    database: Core,
    model: type[Any],
    rows: Iterable[Any],
    on: Sequence[str],
    update: Sequence[str] | None,
) -> list[Any]:
    """Insert rows, or update those that exist already by the fields *on*; return all of them."""
    if isinstance(on, str) or not on:
        raise UnknownName(f'upsert_all(on=...) takes names of fields such as ("id",), not {on!r}.')
    on = [column(model, name).key for name in on]
    made = _validated(model, rows)
    _refuse_twins(model, made, on)
    changed = _changed(model, made, on, update)
    found: list[Any] = []
    async with sessions.transaction(database):
        for part in _parts(model, made):
            if _is_mysql(database):
                rows = await upserting_mysql.upsert_part(database, model, part, on, changed)
            else:
                rows = await _upsert_part(database, model, part, on, changed)
            _require_all(model, part, rows, on)
            found += rows
        sessions.writing(database).add_bulk(model, "update", len(found))
    by_key = {_key(row, on): row for row in found}
    ordered = [by_key.get(_key(row, on)) for row in made]
    return found if None in ordered else ordered


async def _upsert_part(
    database: Core,
    model: type[Any],
    part: list[Mapping[str, Any]],
    on: Sequence[str],
    changed: Sequence[str],
) -> list[Any]:
    statement = _insert(database, model, part)
    new = statement.excluded
    statement = statement.on_conflict_do_update(
        index_elements=[_name(model, name) for name in on],
        index_where=_unique_among(model, on),
        set_={_name(model, name): new[_name(model, name)] for name in changed},
        where=_changeable(model, new),
    )
    return await _run(database, model, statement)


async def insert_missing(database: Core, model: type[Any], rows: Iterable[Any]) -> list[Any]:
    """Insert the rows that break no unique rule, and return those."""
    found: list[Any] = []
    made = _validated(model, rows)
    async with sessions.transaction(database):
        if _is_mysql(database):
            found = await upserting_mysql.insert_missing(database, model, made)
        else:
            for part in _parts(model, made):
                statement = _insert(database, model, part).on_conflict_do_nothing()
                found += await _run(database, model, statement)
        sessions.writing(database).add_bulk(model, "create", len(found))
    return found


def _unique_among(model: type[Any], on: Sequence[str]) -> Any:
    """Return which rows the unique rule *on* holds for, None for all."""
    mapper = cast("Any", inspect(model))
    keys = [mapper.get_property_by_column(key).key for key in mapper.primary_key]
    return None if list(on) == keys else living_unique.condition(mapper.local_table)


def _changeable(model: type[Any], new: Any) -> Any:
    """Return which of the rows that are there already may be changed, None for all."""
    columns = cast("Any", inspect(model)).local_table.columns
    rules: list[Any] = []
    if model.__soft_delete__:
        rules.append(columns["deleted_at"].is_(None))
    if model.__tenant_key__ is not None:
        name = _name(model, model.__tenant_key__)
        rules.append(columns[name] == new[name])
    return and_(*rules) if rules else None


def _require_all(model: type[Any], part: list[Any], found: list[Any], on: Sequence[str]) -> None:
    if len(found) < len(part):
        raise NotUnique(
            f"upsert_all(): {len(part) - len(found)} of the rows exist by {', '.join(on)}, but are "
            f"deleted or another tenant's {model.__name__}."
        )


def _validated(model: type[Any], rows: Iterable[Any]) -> list[Any]:
    made = [row if isinstance(row, model) else model(validate(model, dict(row))) for row in rows]
    if (key := model.__tenant_key__) is not None:
        for row in made:
            require_own(row, key)
    refuse_bulk(model)
    return made


def _refuse_twins(model: type[Any], made: list[Any], on: Sequence[str]) -> None:
    seen: set[tuple[Any, ...]] = set()
    for row in made:
        key = _key(row, on)
        if key in seen:
            raise Invalid(
                f"upsert_all() got two {model.__name__} rows with {', '.join(on)} = {key!r}: "
                "keep one of them.",
                model=model.__name__,
                errors=[],
            )
        seen.add(key)


def _changed(
    model: type[Any], made: list[Any], on: Sequence[str], update: Sequence[str] | None
) -> list[str]:
    """Return the fields that a row that exists already gets anew."""
    mapper = cast("Any", inspect(model))
    follow = [each.key for each in mapper.column_attrs if each.columns[0].onupdate is not None]
    if update is None:
        keys = {mapper.get_property_by_column(key).key for key in mapper.primary_key}
        given = {name for row in made for name in row.__pydantic_fields_set__}
        update = [
            each.key
            for each in mapper.column_attrs
            if each.key in given and each.key not in keys and each.key not in on
        ]
    names = dict.fromkeys([*(column(model, name).key for name in update), *follow])
    # Without a change PostgreSQL returns nothing for a row that exists already.
    return list(names) or list(on)


def _parts(model: type[Any], made: list[Any]) -> Iterable[list[Mapping[str, Any]]]:
    """Yield rows' values, those with the same fields together, in statements of bounded size."""
    mapper = cast("Any", inspect(model))
    shapes: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    for row in made:
        values = {
            each.key: row.__dict__[each.key]
            for each in mapper.column_attrs
            if each.key in row.__dict__
            and not (row.__dict__[each.key] is None and _filled_in(each.columns[0]))
        }
        shapes.setdefault(tuple(values), []).append(values)
    for names, alike in shapes.items():
        step = max(1, _PARAMETERS // max(1, len(names)))
        yield from (alike[start : start + step] for start in range(0, len(alike), step))


def _filled_in(column: Any) -> bool:
    return bool(
        column.primary_key or column.default is not None or column.server_default is not None
    )


def _insert(database: Core, model: type[Any], part: list[Mapping[str, Any]]) -> Any:
    kinds: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
    name = database.engine.dialect.name
    if name not in kinds:
        raise ConfigurationError(
            f"upserts are for SQLite, PostgreSQL, MariaDB and MySQL, and this is {name}: "
            "use find_or_create()."
        )
    return kinds[name](model).values(part)


def _is_mysql(database: Core) -> bool:
    return database.engine.dialect.name in {"mysql", "mariadb"}


async def _run(database: Core, model: type[Any], statement: Any) -> list[Any]:
    async with sessions.writer(database) as session:
        found = await session.scalars(
            statement.returning(model), execution_options={"populate_existing": True}
        )
        return list(found.all())


def _name(model: type[Any], field: str) -> str:
    return str(cast("Any", inspect(model)).column_attrs[field].columns[0].name)


def _key(row: Any, on: Sequence[str]) -> tuple[Any, ...]:
    return tuple(getattr(row, name) for name in on)

"""Counting again, where a counter cache can't be right: after bulk writes, or on old rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import String, func, literal, select, update
from sqlalchemy.orm import aliased

from .._connections import sessions
from .._core import current
from .._errors import ConfigurationError
from .._models import known
from .._models.hydration import mapper_of
from .._queries.query import Query
from .parents import Reference, counter_of, pair_of, references_of, unmoved

if TYPE_CHECKING:
    from collections.abc import Iterator


async def reset_counters(rows: type[Any] | Query[Any], *names: str) -> int:
    """Count what refers to a model again, and return how many rows were wrong.

    *rows* is a model (`reset_counters(Post)`) or a query of it; *names* are fields that count, by
    default all of them. One UPDATE for each field, which writes wrong rows only.
    """
    query: Query[Any] = rows if isinstance(rows, Query) else Query(rows).unscoped()
    model = query._model  # pyright: ignore[reportPrivateUsage]
    found = {name: count for name, count in _counters(model) if not names or name in names}
    if missing := [name for name in names if name not in found] or not found:
        what = f"{missing[0]!r}" if isinstance(missing, list) else "counters"
        raise ConfigurationError(
            f"{model.__name__} has no {what}: no relation says counter_cache= for it."
        )
    wrong = 0
    async with sessions.transaction(query._database or current()) as session:  # pyright: ignore[reportPrivateUsage]
        chosen = query._chosen()  # pyright: ignore[reportPrivateUsage]
        for name, count in found.items():
            differs = getattr(model, name).is_distinct_from(count)
            values = {name: count} | unmoved(model, {name: count})
            statement: Any = update(model).where(chosen, differs).values(values)
            done: Any = await session.execute(
                statement, execution_options={"synchronize_session": "fetch"}
            )
            wrong += done.rowcount
    return wrong


def _counters(model: type[Any]) -> Iterator[tuple[str, Any]]:
    """Give each field of *model* that counts, and the SELECT of its right value."""
    for other in known.models():
        for reference in references_of(other):
            if not reference.info.counter_cache:
                continue
            count = _count(model, other, reference)
            name = None if count is None else counter_of(model, reference)
            if name is not None:
                yield name, count


def _count(model: type[Any], other: type[Any], reference: Reference) -> Any:
    rows: Any = aliased(other)
    polymorphic = other.__polymorphic__.get(reference.name)
    if polymorphic is None:
        target, near, far = pair_of(other, reference.name)
        if target is not model:
            return None
        wanted = [getattr(rows, near) == getattr(model, far)]
    else:
        if model not in polymorphic.models(other).values():
            return None
        (key,) = mapper_of(model).primary_key
        kind = literal(polymorphic.name_for(model), String())
        wanted = [
            getattr(rows, polymorphic.type_field) == kind,
            getattr(rows, polymorphic.id_field)
            == getattr(model, mapper_of(model).get_property_by_column(key).key),
        ]
    counted: Any = select(func.count()).select_from(rows).where(*wanted)
    return counted.correlate(model).scalar_subquery()

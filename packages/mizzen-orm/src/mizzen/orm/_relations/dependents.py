"""What becomes of the rows that belong to a destroyed one: `dependent=` on its relation to them.

It happens before the row's own DELETE, in its transaction; where the database has ON DELETE rules,
these find what is left.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import RelationshipDirection
from sqlalchemy.orm.attributes import set_committed_value

from .._errors import ConfigurationError, Restricted
from .._models.callbacks import register
from .._models.hydration import mapper_of, state_of
from . import collecting
from .edges import Link, tie_of
from .options import RelationInfo

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from .._models.model import Model
    from .._queries.query import Query

# The rows whose dependents are being destroyed: a circle of them ends there.
_going: ContextVar[frozenset[Any]] = ContextVar("mizzen_orm_going", default=frozenset())


def attach(model: type[Any]) -> None:
    """Let a destroy of *model* reach what depends on it, where a relation says so."""
    if any(_rules_of(model)):
        register(model, "before_destroy", _destroyed)


def is_going(model: type[Any], key: Any) -> bool:
    """Return whether the row of *model* with this key is being destroyed further up."""
    wanted = mapper_of(model).identity_key_from_primary_key((key,))
    return any(held[:2] == wanted[:2] for held in _going.get())


async def _destroyed(instance: Model) -> None:
    with _marked(instance):
        # What forbids it first: the others would be undone again.
        for name, rule in sorted(_rules_of(type(instance)), key=lambda item: item[1] != "restrict"):
            await _apply(instance, name, rule)


async def _apply(instance: Model, name: str, rule: str) -> None:
    model = type(instance)
    described = mapper_of(model).relationships[name]
    if described.direction is RelationshipDirection.MANYTOONE:
        raise ConfigurationError(
            f"{model.__name__}.{name}: dependent= goes on the side without the foreign key."
        )
    rows = _rows(instance, name)
    if rule == "restrict":
        await _restrict(instance, name, rows)
    elif rule == "destroy":
        await _destroy_all(rows)
    elif rule == "delete":
        await rows.delete_all()
    else:
        tie = tie_of(model, name)
        if isinstance(tie, Link):
            raise ConfigurationError(
                f'{model.__name__}.{name}: links can\'t be empty: say dependent="delete".'
            )
        await rows.update_all(**dict.fromkeys(tie.values(instance)))
    if name in vars(instance):
        set_committed_value(instance, name, [] if described.uselist else None)


async def _restrict(instance: Model, name: str, rows: Query[Any]) -> None:
    count = await rows.count()
    if count:
        model = type(instance).__name__
        raise Restricted(
            f"this {model} has {count} {name}: destroy or move them first.",
            model=model,
            relation=name,
            count=count,
        )


async def _destroy_all(rows: Query[Any]) -> None:
    async for part in rows.in_batches():
        for row in part:
            state = state_of(row)
            # One may have taken another along.
            if not state.was_deleted and state.key not in _going.get():
                await row.destroy()


def _rows(instance: Model, name: str) -> Query[Any]:
    """Return what depends: the rows of the relation, or the links to them."""
    from .._queries.query import Query

    tie = tie_of(type(instance), name)
    if not isinstance(tie, Link):
        return collecting.query(instance, name)
    links: Query[Any] = Query(tie.model).unscoped()
    return links.where(**tie.values(instance))


def _rules_of(model: type[Any]) -> Iterator[tuple[str, str]]:
    for name, relation in model.__relations__.items():
        info = relation.info
        if isinstance(info, RelationInfo) and info.dependent is not None:
            yield name, info.dependent


@contextmanager
def _marked(instance: Model) -> Generator[None]:
    token = _going.set(_going.get() | {state_of(instance).key})
    try:
        yield
    finally:
        _going.reset(token)

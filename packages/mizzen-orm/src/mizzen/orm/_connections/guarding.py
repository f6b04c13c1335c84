"""The session of every frame: what it sends carries the models' conditions, see `filters`.

What the ORM can't add conditions to is refused where rows belong to tenants: SQL of one's own, and
statements on tables instead of models.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import TextClause, event
from sqlalchemy.orm import Session
from sqlalchemy.orm.context import FromStatement

from .._errors import NoTenant
from .._fields import in_place
from .._queries import filters
from .._tenancy import acting, column, current
from . import failures

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy import Connection
    from sqlalchemy.orm import ORMExecuteState

# Set by this package on statements whose rows were looked at one by one.
CHECKED = "mizzen_checked"


class GuardedSession(Session):
    """SQLAlchemy's session, kept to the rows that the models' conditions allow."""

    _flusher: object = None

    def flush(self, objects: Any = None) -> None:
        """Write what is pending, and remember whose task does."""
        self._flusher = asyncio.current_task()
        super().flush(objects)

    def _flush_warning(self, method: str) -> None:
        # Other tasks may attach new objects to one that is being written: they save them later.
        if asyncio.current_task() is self._flusher:
            cast("Any", super())._flush_warning(method)

    def get(self, entity: Any, ident: Any, **options: Any) -> Any:
        """Return the row with this key; one that is held already is looked at, too."""
        found = super().get(entity, ident, **options)
        return None if found is None or _is_hidden(found) else found


def guard() -> None:
    """Look at what sessions send and write from now on: a model with conditions is known."""
    if not event.contains(GuardedSession, "do_orm_execute", _carry):
        event.listen(GuardedSession, "do_orm_execute", _carry)
        event.listen(GuardedSession, "before_flush", _check)


def _carry(state: ORMExecuteState) -> None:
    statement: Any = state.statement
    conditions = filters.carried(filters.wants_deleted(state.execution_options))
    if conditions is None:
        return
    if filters.has_tenants() and not current.every():
        _refuse_beyond(state, statement)
    takes = state.is_orm_statement and (state.is_select or state.is_update or state.is_delete)
    if takes and conditions not in statement._with_options:
        state.statement = statement.options(conditions)


def _check(session: Session, _context: object, _instances: object) -> None:
    for instance in (*session.new, *session.dirty, *session.deleted):
        model = cast("Any", type(instance))
        key = getattr(model, "__tenant_key__", None)
        if key is not None and (instance not in session.dirty or session.is_modified(instance)):
            column.require_own(instance, key)


@event.listens_for(GuardedSession, "loaded_as_persistent")
def _keep(_session: Session, instance: Any) -> None:
    in_place.keep(instance)


@event.listens_for(GuardedSession, "after_begin")
def _begin(session: Session, transaction: Any, connection: Connection) -> None:
    if not transaction.nested:
        failures.watch(session, connection)
        acting.begin(session.info, connection)


def _is_hidden(instance: Any) -> bool:
    model: Any = cast("Any", type(instance))
    held = cast("dict[str, Any]", vars(instance))
    if getattr(model, "__soft_delete__", False) and held.get("deleted_at") is not None:
        return True
    key = getattr(model, "__tenant_key__", None)
    return bool(key is not None and not current.every() and held.get(key) != current.required())


def _refuse_beyond(state: ORMExecuteState, statement: Any) -> None:
    """Raise where a statement could reach rows of other tenants."""
    if state.execution_options.get(CHECKED):
        return
    if isinstance(statement, FromStatement):
        statement = statement.element
    if isinstance(statement, TextClause):
        raise NoTenant(
            "SQL of one's own can't be kept to one tenant's rows: run it in "
            "`with all_tenants():`, with a condition of its own."
        )
    if not (state.is_select and state.is_orm_statement):  # there the compiler looks
        column.refuse_bare_tables(statement)
    if (state.is_insert or state.is_update) and state.is_orm_statement:
        _check_values(state, statement)


def _check_values(state: ORMExecuteState, statement: Any) -> None:
    mapper = state.bind_mapper
    key = getattr(mapper.class_, "__tenant_key__", None) if mapper is not None else None
    if mapper is None or key is None:
        return
    if state.is_update and state.parameters:
        raise NoTenant(
            f"an update of {mapper.class_.__name__} rows by their keys can't be kept to one "
            "tenant's: use where(), or run it in `with all_tenants():`."
        )
    rows: list[Any] = [dict(statement._values or {})]
    rows += [dict(row) for row in _rows(statement._multi_values)]
    rows.append(dict(getattr(statement, "_ordered_values", None) or ()))
    given: Any = state.parameters or ()
    rows += [given] if isinstance(given, dict) else list(given)
    column.require_own_values(mapper.class_, key, rows)


def _rows(groups: Iterable[Iterable[Any]]) -> Iterator[Any]:
    for group in groups:
        yield from group

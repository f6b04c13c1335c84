"""Conditions that a model carries on every path: its tenant's rows only, without deleted ones.

They are one SQLAlchemy option, added to whatever is sent: whole queries, numbers, joins, relations,
subqueries, bulk changes, and statements that a user gives to a session. Its parts name no value,
the tenant is looked up when the statement is sent, so that one compiled shape serves every tenant.
Where no known model has conditions, nothing is added.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast
from weakref import WeakSet

from sqlalchemy import inspect
from sqlalchemy.orm.interfaces import CriteriaOption
from sqlalchemy.orm.util import LoaderCriteriaOption
from sqlalchemy.sql.visitors import ExtendedInternalTraversal

from .._errors import ConfigurationError
from .._models import known
from .._models.family import root_of
from .._models.hydration import mapper_of
from .._models.living_unique import free_unique_values
from .._tenancy import column, current

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .._models.model import Model

_GUARDED = "mizzen_guarded"
_HELD = "mizzen_carried"
# Of a SELECT: with the deleted rows of this model. Of an UPDATE or DELETE: an execution option.
_DELETED_OF = "mizzen_deleted_of"
# What of the option makes a statement another one, for SQLAlchemy's caches.
_TRAVERSED = [("_token", ExtendedInternalTraversal.dp_plain_obj)]

# Models that are not among the known ones (see ModelSet) keep their conditions, too.
_everywhere: WeakSet[type[Any]] = WeakSet()
_kept: dict[Any, Carried] = {}


class _Part(LoaderCriteriaOption):
    """One condition of one model."""

    inherit_cache = True
    __slots__ = ()

    def __reduce__(self) -> Any:
        return _part, (type(self), cast("Any", self.entity).class_)


class _OwnRows(_Part):
    """The rows of the tenant."""

    inherit_cache = True
    __slots__ = ()

    @classmethod
    def of(cls, model: type[Any]) -> _Part:
        return cls(model, column.own_rows(model, model.__tenant_key__), include_aliases=True)


class _Living(_Part):
    """The rows that are not marked as deleted; a SELECT may say that it wants those, too."""

    inherit_cache = True
    __slots__ = ()

    @classmethod
    def of(cls, model: type[Any]) -> _Part:
        return cls(model, model.deleted_at.is_(None), include_aliases=True)

    def _should_include(self, compile_state: Any) -> bool:
        wanted = compile_state.select_statement._annotations.get(_DELETED_OF)
        if wanted is not None and issubclass(wanted, cast("Any", self.entity).class_):
            return False
        return super()._should_include(compile_state)


class Carried(CriteriaOption):
    """The conditions of all known models, known to SQLAlchemy's caches as one thing."""

    propagate_to_loaders = True
    _traverse_internals = _TRAVERSED

    def __init__(self, parts: Iterable[_Part]) -> None:
        self.parts = tuple(parts)
        self._of_one_tenant = any(isinstance(part, _OwnRows) for part in self.parts)
        self._mappers = [cast("Any", part).entity for part in self.parts]
        self._token = object()

    def is_current(self) -> bool:
        """Return whether no model was defined again since."""
        return all(mapper is inspect(mapper.class_, False) for mapper in self._mappers)

    def process_compile_state(self, compile_state: Any) -> None:
        """Tell SQLAlchemy's compiler: once for each shape of a statement."""
        asked = getattr(compile_state, "select_statement", None)
        if self._of_one_tenant and asked is not None:
            column.refuse_bare_tables(asked)
        self.get_global_criteria(compile_state.global_attributes)

    def process_compile_state_replaced_entities(
        self, compile_state: Any, mapper_entities: object
    ) -> None:
        """Tell SQLAlchemy's compiler, of a statement that it has taken apart."""
        self.process_compile_state(compile_state)

    def get_global_criteria(self, attributes: dict[Any, Any]) -> None:
        """Add the parts, once: a subquery brings the same ones along."""
        held = cast("set[_Part]", attributes.setdefault(_HELD, set()))
        for part in self.parts:
            if part not in held:
                held.add(part)
                part.get_global_criteria(attributes)

    def __reduce__(self) -> Any:
        return carried_again, ()


def declare(model: type[Model]) -> None:
    """Note whether *model*, just mapped, has conditions."""
    root: Any = root_of(model)
    if root.__soft_delete__:
        free_unique_values(mapper_of(model).local_table)
    guarded = known.metadata().info.setdefault(_GUARDED, {})
    place = (model.__module__, model.__name__)
    key = column.key_field(model)
    if root is not model:
        if key not in {None, root.__tenant_key__} or (
            model.__soft_delete__ and not root.__soft_delete__
        ):
            raise ConfigurationError(
                f"{model.__name__}: a tenant key or SoftDelete belongs on {root.__name__}, for the "
                "whole family."
            )
        return
    type.__setattr__(model, "__tenant_key__", key)
    guarded.pop(place, None)
    if key is not None or model.__soft_delete__:
        from .._connections.guarding import guard

        guarded[place] = model
        guard()
    _everywhere.discard(model)
    if place in guarded:
        _everywhere.add(model)
    _kept.clear()


def mode(model: type[Model]) -> bool | None:
    """Return what the conditions of *model* depend on, None where it has none."""
    return current.every() if model.__tenant_key__ or model.__soft_delete__ else None


def has_tenants() -> bool:
    """Return whether a known model's rows belong to tenants."""
    guarded: dict[Any, type[Any]] = known.metadata().info.get(_GUARDED, {})
    return any(model.__tenant_key__ is not None for model in guarded.values())


def carried(deleted_of: type[Any] | None = None) -> Carried | None:
    """Return the conditions for a statement sent now, without those against deleted rows of one."""
    if not _everywhere:
        return None
    kind = (current.every(), deleted_of)
    found = _kept.get(kind)
    if found is None or not found.is_current():
        mapped = [model for model in _everywhere if inspect(model, False) is not None]
        found = _kept[kind] = Carried(_parts(mapped, deleted_of))
    return found


def carried_again() -> Carried:
    """Return the conditions again, of an object that was pickled with them."""
    return carried() or Carried(())


def applied(statement: Any) -> Any:
    """Return *statement*, a SELECT, with the conditions of whatever models it names."""
    found = carried()
    if found is None or found in statement._with_options:
        return statement
    return statement.options(found)


def with_deleted(statement: Any, model: type[Any]) -> Any:
    """Return *statement*, a SELECT, with the deleted rows of *model* too."""
    return statement._annotate({_DELETED_OF: model})


def write_deleted(statement: Any, model: type[Any]) -> Any:
    """Return *statement*, an UPDATE or DELETE, for deleted rows of *model* too."""
    return statement.execution_options(**{_DELETED_OF: model})


def wants_deleted(options: Any) -> type[Any] | None:
    """Return the model whose deleted rows an UPDATE or DELETE with these options may change."""
    found: type[Any] | None = options.get(_DELETED_OF)
    return found


def _parts(models: Iterable[type[Any]], deleted_of: type[Any] | None) -> list[_Part]:
    parts: list[_Part] = []
    for model in models:
        if model.__tenant_key__ is not None and not current.every():
            parts.append(_OwnRows.of(model))
        if model.__soft_delete__ and not (deleted_of and issubclass(deleted_of, model)):
            parts.append(_Living.of(model))
    return parts


def _part(kind: Any, model: type[Any]) -> _Part:
    return cast("_Part", kind.of(model))

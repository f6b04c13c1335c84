"""What defining a `Model` does: a table by default, a key by default, replaced when run again."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, cast, dataclass_transform

from sqlmodel import Field
from sqlmodel._compat import get_annotations
from sqlmodel.main import FieldInfo, RelationshipInfo, SQLModelMetaclass

from .._errors import ConfigurationError
from .._fields.annotations import resolved
from .._fields.columns import map_fields
from .._fields.comments import apply_comments
from .._queries import filters
from .._queries.query import Query
from .._relations import dependents, joins, parents, polymorphic
from .._relations.declared import Relation
from .._relations.lazy import make_lazy
from .._search.declared import search_index
from . import family, field_names, heirs, inheritance, known, lock_version, replacing
from .beginnings import Beginnings
from .callbacks import carry_over
from .hydration import LazyState, mapper_of
from .naming import table_name

if TYPE_CHECKING:
    from .model import Model


@dataclass_transform(kw_only_default=True, field_specifiers=(Field, FieldInfo))
class ModelMeta(Beginnings, SQLModelMetaclass):
    """The metaclass of `Model`."""

    def __new__(
        mcs, name: str, bases: tuple[type[Any], ...], namespace: dict[str, Any], **options: Any
    ) -> Any:
        """Prepare the class body for SQLModel."""
        parents = [base for base in bases if isinstance(base, ModelMeta)]
        if not parents:
            return super().__new__(mcs, name, bases, namespace, **options)
        options.setdefault("table", True)
        said = inheritance.take_options(options)
        parent = inheritance.parent_of(name, parents)
        frame = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]
        annotations = resolved(get_annotations(namespace), namespace, frame)
        referring, annotations = polymorphic.take(name, namespace, annotations)
        relations = {
            key: Relation.read(name, key, annotations.get(key), value)
            for key, value in namespace.items()
            if isinstance(value, RelationshipInfo) and cast("Any", value).sa_relationship is None
        }
        hiding = field_names.make_room(name, parents, namespace, annotations)
        if not options["table"]:
            inheritance.refuse_abstract(name, parent, said)
            if relations or referring:
                raise ConfigurationError(f"{name}: relations belong on tables, not on bases.")
            with field_names.unwarned(hiding):
                return super().__new__(mcs, name, bases, namespace, **options)
        if not _has_key(namespace, annotations, bases):
            annotations = {"id": int | None, **annotations}
            namespace["id"] = Field(default=None, primary_key=True)
        annotations = inheritance.prepare(name, parent, said, namespace, annotations)
        namespace["__annotations__"] = annotations
        namespace.setdefault("__tablename__", table_name(name))
        namespace["__relations__"] = relations
        inherited = parent.__polymorphic__ if parent is not None else {}
        namespace["__polymorphic__"] = {**inherited, **referring}
        namespace["__search__"] = search_index(name, parent, bases, namespace)
        with field_names.unwarned([*hiding, *(parent.__pydantic_fields__ if parent else ())]):
            made = super().__new__(mcs, name, bases, namespace, **{**options, "table": False})
        map_fields(made, family.own_fields(made))
        lock_version.apply(made)
        return made

    def __init__(
        cls, name: str, bases: tuple[type[Any], ...], namespace: dict[str, Any], **options: Any
    ) -> None:
        if not is_table(cls):
            super().__init__(name, bases, namespace, **options)
            return
        model = cast("type[Model]", cls)
        before = known.latest(cls.__module__, name)
        related = replacing.retire(cls.__module__, name, cast("Any", model).__tablename__)
        type.__setattr__(cls, "_sa_registry", known.registry_for(cls))
        type.__setattr__(cls, "metadata", known.metadata())
        family.settle_columns(model)
        if family.table_parent(model) is not None:
            heirs.map_heir(model, name, bases, namespace)
        else:
            for key, relation in model.__relations__.items():
                model.__sqlmodel_relationships__[key].sa_relationship = relation.build(model)
                cls.__annotations__.pop(key, None)
            super().__init__(name, bases, namespace, **options)
            if model.__search__ is not None:
                model.__search__.attach(model)
        apply_comments(model, mapper_of(model).local_table)
        type.__setattr__(cls, "_sa_instance_state", LazyState())
        make_lazy(model)
        polymorphic.attach(model, family.own_columns(model))
        joins.watch(model)
        known.remember(model)
        filters.declare(model)
        if before is not None:
            carry_over(before, model)
        parents.attach(model)
        dependents.attach(model)
        replacing.awaken(related)

    if not TYPE_CHECKING:  # a checker knows what there is

        def __getattr__(cls, name: str) -> Any:
            """Say where a name is that the class doesn't have: many belong to queries."""
            try:
                return super().__getattr__(name)
            except AttributeError as error:
                hint = f": write {cls.__name__}.all().{name}" if _is_of_queries(name) else ""
                told = f"{cls.__name__} has no attribute {name!r}{hint}"
                raise AttributeError(told, name=name, obj=cls) from error


def is_table(model: type) -> bool:
    """Return whether *model* is mapped to a table."""
    config: dict[str, Any] = getattr(model, "model_config", {})
    return config.get("table") is True


def _is_of_queries(name: str) -> bool:
    return not name.startswith("_") and hasattr(Query, name)


def _has_key(
    namespace: dict[str, Any], annotations: dict[str, Any], bases: tuple[type[Any], ...]
) -> bool:
    own = [value for key, value in namespace.items() if key in annotations]
    inherited = [
        field for base in bases for field in getattr(base, "__pydantic_fields__", {}).values()
    ]
    return any(_is_key(field) for field in (*own, *inherited))


def _is_key(field: object) -> bool:
    column = getattr(field, "sa_column", None)
    return (
        getattr(field, "primary_key", False) is True
        or getattr(column, "primary_key", False) is True
    )

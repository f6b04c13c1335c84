"""What defining a `Model` does: a table by default, a key by default, replaced when run again."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, cast, dataclass_transform

from sqlmodel import Field
from sqlmodel._compat import get_annotations
from sqlmodel.main import FieldInfo, RelationshipInfo, SQLModelMetaclass

from . import _known
from ._beginnings import Beginnings
from ._errors import ConfigurationError
from ._naming import table_name
from ._relations import Relation
from ._search import SearchIndex

if TYPE_CHECKING:
    from ._model import Model


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
        for parent in parents:
            if is_table(parent):
                raise ConfigurationError(
                    f"{name}: {parent.__name__} is a table already, and a table can't be "
                    f"inherited; share fields through `class {parent.__name__}Fields(Model, "
                    "table=False)`."
                )
        annotations = dict(get_annotations(namespace))
        relations = {
            key: Relation.read(name, key, annotations.get(key), value)
            for key, value in namespace.items()
            if isinstance(value, RelationshipInfo) and cast("Any", value).sa_relationship is None
        }
        if not options["table"]:
            if relations:
                raise ConfigurationError(f"{name}: relations belong on tables, not on bases.")
            return super().__new__(mcs, name, bases, namespace, **options)
        if not _has_key(namespace, annotations, bases):
            annotations = {"id": int | None, **annotations}
            namespace["id"] = Field(default=None, primary_key=True)
        namespace["__annotations__"] = annotations
        namespace.setdefault("__tablename__", table_name(name))
        namespace["__relations__"] = relations
        namespace["__search__"] = _search_index(name, namespace)
        with warnings.catch_warnings():
            # pydantic takes the metaclass's methods for attributes of the parent.
            names = "|".join(key for key in vars(Beginnings) if not key.startswith("_"))
            warnings.filterwarnings("ignore", rf'Field name "({names})" in .* shadows an attribute')
            return super().__new__(mcs, name, bases, namespace, **options)

    def __init__(
        cls, name: str, bases: tuple[type[Any], ...], namespace: dict[str, Any], **options: Any
    ) -> None:
        if not is_table(cls):
            super().__init__(name, bases, namespace, **options)
            return
        model = cast("type[Model]", cls)
        related = _known.retire(cls.__module__, name, str(cast("Any", model).__tablename__))
        type.__setattr__(cls, "_sa_registry", _known.fresh_registry())
        type.__setattr__(cls, "metadata", _known.metadata())
        for key, relation in model.__relations__.items():
            model.__sqlmodel_relationships__[key].sa_relationship = relation.build(model)
            cls.__annotations__.pop(key, None)
        super().__init__(name, bases, namespace, **options)
        if model.__search__ is not None:
            model.__search__.attach(model)
        _known.remember(model)
        _known.awaken(related)


def is_table(model: type) -> bool:
    """Return whether *model* is mapped to a table."""
    config: dict[str, Any] = getattr(model, "model_config", {})
    return config.get("table") is True


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


def _search_index(name: str, namespace: dict[str, Any]) -> SearchIndex | None:
    found = [value for value in namespace.values() if isinstance(value, SearchIndex)]
    if len(found) > 1:
        raise ConfigurationError(f"{name}: a model has one SearchIndex; name all its fields there.")
    return found[0] if found else None

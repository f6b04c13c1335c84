"""The column of each field: what its markers and its type ask for, else what SQLModel makes."""

from __future__ import annotations

from copy import copy
from enum import Enum, Flag
from typing import TYPE_CHECKING, Any, ForwardRef, Literal, cast, get_args, get_origin

from sqlalchemy import Column, Computed, Integer, PickleType
from sqlmodel import main as sqlmodel
from sqlmodel.main import FieldInfoMetadata
from sqlmodel.main import _get_sqlmodel_field_value as setting  # pyright: ignore[reportPrivateUsage]
from sqlmodel.sql.sqltypes import AutoString

from .._errors import ConfigurationError
from .annotations import bare, is_class, is_document, markers, mentioned
from .documents import Document
from .encrypted import Encrypted, EncryptedText, encrypted_type, know_place
from .enums import ByValue, EnumValue
from .generated import Generated

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic.fields import FieldInfo

_SETTINGS = tuple(FieldInfoMetadata.__dataclass_fields__)


def map_fields(model: type[Any], names: Iterable[str] | None = None) -> None:
    """Make *model*, a pydantic class so far, one with a column for each field (of *names*)."""
    model.model_config["table"] = True
    model.model_config["read_from_attributes"] = True
    fields: dict[str, FieldInfo] = model.__pydantic_fields__
    for name in fields if names is None else names:
        setattr(model, name, column_of(model, name, fields[name]))


def column_of(model: type[Any], name: str, field: FieldInfo) -> Column[Any]:
    """Return the column for one field; raises `ConfigurationError`."""
    where = f"{model.__name__}.{name}"
    given = {key: setting(field, key) for key in _SETTINGS}
    set_already = {key for key in ("sa_type", "sa_column") if _is_set(given[key])}
    wanted = _type_of(where, field, set_already)
    if wanted is not None:
        given["sa_type"] = wanted
    if generated := markers(field, Generated):
        computed = Computed(generated[0].sql, persisted=generated[0].stored)
        given["sa_column_args"] = [
            *(given["sa_column_args"] if _is_set(given["sa_column_args"]) else ()),
            computed,
        ]
        given["sa_column_kwargs"] = {
            **(given["sa_column_kwargs"] if _is_set(given["sa_column_kwargs"]) else {}),
            "default": None,
        }
    settled: Any = copy(field)
    settled.metadata = [FieldInfoMetadata(**given), *field.metadata]
    column: Column[Any] = cast("Any", sqlmodel).get_column_from_field(settled)
    if isinstance(column.type, PickleType):
        raise ConfigurationError(
            f"{where}: a pickle runs code when it is read; store JSON, as `dict[str, Any]` or a "
            "pydantic model does."
        )
    if isinstance(column.type, EncryptedText):
        field.repr = False
        know_place(column)
    if column.nullable and (field.default_factory is not None or _is_set(field.default)):
        # Objects bring it along; SQLAlchemy's would take the place of an explicit None.
        column.default = None
    return column


def _type_of(where: str, field: FieldInfo, set_already: set[str]) -> Any:
    kind = bare(field.annotation)
    if isinstance(kind, str | ForwardRef):
        name = kind if isinstance(kind, str) else kind.__forward_arg__
        raise ConfigurationError(
            f"{where}: {name} is not defined (yet). For a relation add `= Relationship(...)`; any "
            "other type is defined before the model."
        )
    if encrypted := markers(field, Encrypted):
        if set_already:
            raise ConfigurationError(
                f"{where}: an encrypted field has a column type of its own; leave out "
                f"{' and '.join(sorted(set_already))}."
            )
        return encrypted_type(encrypted[0], field.annotation)
    if set_already:
        return None
    if is_class(kind, Enum) and (markers(field, ByValue) or is_class(kind, Flag)):
        return EnumValue(kind)
    if markers(field, ByValue):
        raise ConfigurationError(f"{where}: ByValue() is for enums.")
    if get_origin(kind) is Literal:
        return _literal(where, get_args(kind))
    return _document(where, kind) if is_document(kind) else None


def _literal(where: str, values: tuple[object, ...]) -> Any:
    if all(isinstance(value, str) for value in values):
        return AutoString
    if all(isinstance(value, int) for value in values):
        return Integer
    raise ConfigurationError(f"{where}: a Literal is of texts or of whole numbers, not both.")


def _document(where: str, kind: Any) -> Document:
    from .._models.model import Model

    for part in mentioned(kind):
        if isinstance(part, str | ForwardRef):
            raise ConfigurationError(
                f"{where}: {part} is not defined (yet). For a relation add `= Relationship(...)`; "
                "a type that is stored as JSON is defined before the model."
            )
        if is_class(part, Model) and part.model_config.get("table"):
            raise ConfigurationError(
                f"{where}: {part.__name__} is a table: for a relation add `= Relationship(...)`."
            )
    return Document(kind)


def _is_set(value: object) -> bool:
    return type(value).__name__ != "PydanticUndefinedType" and value is not None

"""Times need their zones: a field that is kept in UTC refuses a naive time where it is given.

SQLModel refuses it when the row is written, and can't say which field it was.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from pydantic import AwareDatetime
from pydantic_core import PydanticKnownError, core_schema
from sqlmodel.main import _get_sqlmodel_field_value as setting  # pyright: ignore[reportPrivateUsage]
from sqlmodel.sql.sqltypes import UTCDateTime

from .annotations import bare, markers
from .encrypted import Encrypted

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic.fields import FieldInfo
    from pydantic_core import CoreSchema

_TIMES: tuple[object, ...] = (datetime, AwareDatetime)


def with_zones(
    fields: dict[str, FieldInfo], made: CoreSchema, handler: GetCoreSchemaHandler
) -> CoreSchema:
    """Return *made*, pydantic's schema of a model with *fields*, that refuses naive times."""
    schema: Any = handler.resolve_ref_schema(made)
    while schema["type"] != "model-fields":
        schema = schema["schema"]
    for name, field in fields.items():
        if _is_kept_in_utc(field):
            _require_zone(schema["fields"][name])
    return made


def _is_kept_in_utc(field: FieldInfo) -> bool:
    if bare(field.annotation) not in _TIMES or markers(field, Encrypted):
        return False
    given = getattr(setting(field, "sa_column"), "type", None), setting(field, "sa_type")
    chosen = [kind for kind in given if hasattr(kind, "bind_processor")]
    return all(kind is UTCDateTime or isinstance(kind, UTCDateTime) for kind in chosen)


def _require_zone(schema: dict[str, Any]) -> None:
    """Ask for a zone inside of what a field's schema says of None and of defaults."""
    inner = schema["schema"]
    if inner["type"] == "default":
        if "default_factory" in inner or inner["default"] is not None:
            inner["validate_default"] = True  # `default_factory=datetime.now` is a common mistake
        _require_zone(inner)
    elif inner["type"] == "nullable":
        _require_zone(inner)
    elif inner["type"] == "datetime":
        inner["tz_constraint"] = "aware"
    elif inner.get("function", {}).get("function") is not _with_zone:
        # The model's own validators come first: one of them may add the zone.
        schema["schema"] = core_schema.no_info_after_validator_function(_with_zone, inner)


def _with_zone(value: Any) -> Any:
    if isinstance(value, datetime) and value.utcoffset() is None:
        raise PydanticKnownError("timezone_aware")
    return value

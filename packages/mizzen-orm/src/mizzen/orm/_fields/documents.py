"""Documents in JSON columns: `settings: Settings`, `tags: list[str]`, `meta: dict[str, Any]`.

A pydantic model, dataclass, set or the like comes back from the database as what it was.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json, to_jsonable_python
from sqlalchemy import JSON
from sqlalchemy.types import TypeDecorator

from .._errors import Invalid, Unreadable
from .annotations import bare, is_plain_json

if TYPE_CHECKING:
    from sqlalchemy import Dialect
    from sqlalchemy.types import TypeEngine

_JSON = JSON(none_as_null=True)


class _Comparator(TypeDecorator.Comparator[Any], JSON.Comparator[Any]):
    """`Note.meta["a"]["b"].as_string()`: a part of a document is JSON, not the whole's type."""

    def _setup_getitem(self, index: Any) -> Any:
        whole: Any = super()
        operator, part, _whole = whole._setup_getitem(index)
        return operator, part, JSON()


class Document(TypeDecorator[Any]):
    """The column type of a field that is stored as JSON (JSONB on PostgreSQL); None is NULL.

    What is read is checked against the field's type: where that has changed, give what is new a
    default, or reading raises `Unreadable`.
    """

    impl = JSON
    cache_ok = True
    comparator_factory = _Comparator  # pyright: ignore[reportAssignmentType, reportIncompatibleMethodOverride]

    def __init__(self, annotation: Any = Any) -> None:
        super().__init__(none_as_null=True)
        self.annotation = bare(annotation)

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            from sqlalchemy.dialects.postgresql import JSONB

            return dialect.type_descriptor(JSONB(none_as_null=True))
        return dialect.type_descriptor(_JSON)

    def coerce_compared_value(self, op: Any, value: Any) -> Any:
        return self if isinstance(value, dict | list) else _JSON.coerce_compared_value(op, value)

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        if value is None:
            return None
        try:
            if self._adapter is None:
                return to_jsonable_python(value)
            return self._adapter.dump_python(value, mode="json", round_trip=True, warnings=False)
        except ValueError as error:
            # The words tell a type, an encoding or a circle, never the value.
            raise Invalid(f"a document can't be stored as JSON: {error}", errors=[]) from None

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        if value is None or self._adapter is None:
            return value
        try:
            return self._adapter.validate_python(value, by_alias=True, by_name=True)
        except ValidationError:
            return self._strictly(value)

    def _strictly(self, value: Any) -> Any:
        # A strict model refuses what JSON makes of a date; as JSON it accepts it.
        try:
            return self._adapter.validate_json(to_json(value), by_alias=True, by_name=True)  # type: ignore[union-attr]  # pyright: ignore[reportOptionalMemberAccess]
        except ValidationError as error:
            what = "; ".join(
                f"{'.'.join(map(str, item['loc']))}: {item['msg']}"
                for item in error.errors(include_input=False, include_url=False)
            )
            name = getattr(self.annotation, "__name__", str(self.annotation))
            raise Unreadable(
                f"a stored document doesn't fit {name} (any more): {what}. "
                "Give new fields defaults, or change the rows."
            ) from None

    @cached_property
    def _adapter(self) -> TypeAdapter[Any] | None:
        return None if is_plain_json(self.annotation) else TypeAdapter(self.annotation)

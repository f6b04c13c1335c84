"""Normalised fields: `email: Annotated[str, Normalize(str.strip, str.casefold)]`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_origin

from pydantic_core import CoreSchema, core_schema

from .._errors import Invalid
from .annotations import bare, is_class, markers

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import GetCoreSchemaHandler, ValidatorFunctionWrapHandler

    from .._models.model import Model


class Normalize:
    """Marks a field whose values go through functions, one after the other, before they count.

    It holds for new objects, assignments, bulk writes, and for the values that `where`, `find_by`
    and the like look for by equality or order (`eq`, `ne`, `in`, `gt`, `gte`, `lt`, `lte`). None
    stays None. Functions get a value of the field's type, and rules of `Field`, such as
    `min_length`, see their result. What comes out must come out again when put in (`str.strip`
    does); rows written before are as they were. A ValueError or TypeError of a function is the
    field's error.
    """

    def __init__(self, *functions: Callable[[Any], Any]) -> None:
        self.functions = functions

    def __call__(self, value: Any) -> Any:
        """Return *value* as the field holds it."""
        if value is None:
            return None
        for function in self.functions:
            value = function(value)
        return value

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        kind = bare(source)
        kind = get_origin(kind) or kind

        def normalize(value: Any, check: ValidatorFunctionWrapHandler) -> Any:
            # Before the field's rules where the type is right already, so that they see the result.
            if is_class(kind) and isinstance(value, kind):
                return check(self._checked(value))
            return self._checked(check(value))

        return core_schema.no_info_wrap_validator_function(normalize, handler(source))

    def __repr__(self) -> str:
        names = (getattr(function, "__qualname__", repr(function)) for function in self.functions)
        return f"Normalize({', '.join(names)})"

    def _checked(self, value: Any) -> Any:
        try:
            return self(value)
        except TypeError as error:  # pydantic lets it through as a fault of the program
            raise ValueError(str(error)) from error


def normalized(model: type[Model], field: str, value: Any) -> Any:
    """Return *value* as the field would hold it; raises `Invalid` when a function refuses it."""
    for normalize in _normalizers(model, field):
        try:
            value = normalize(value)
        except (ValueError, TypeError) as error:
            raise Invalid(
                f"{model.__name__}.{field} can't be looked up: {error}",
                model=model.__name__,
                errors=[{"field": field, "message": str(error), "type": "normalize"}],
            ) from error
    return value


def is_normalized(model: type[Model], field: str) -> bool:
    """Return whether functions change what the field *field* holds."""
    return bool(_normalizers(model, field))


def _normalizers(model: type[Model], field: str) -> list[Normalize]:
    # Looked up for every look-up: kept with the class, which a new definition replaces.
    kept: dict[str, list[Normalize]] | None = model.__dict__.get("__normalizers__")
    if kept is None:
        fields = model.__pydantic_fields__
        found = {name: markers(info, Normalize) for name, info in fields.items()}
        kept = {name: list(normalizers) for name, normalizers in found.items() if normalizers}
        type.__setattr__(model, "__normalizers__", kept)
    return kept.get(field, [])

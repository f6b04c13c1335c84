"""Turning client data into the types a handler names, with errors that say which value was bad.

dataclasses, Structs, TypedDicts and plain types go through msgspec; classes with `model_validate`
(pydantic, SQLModel) build themselves.
"""

from __future__ import annotations

import dataclasses
import re
import types
import typing
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, Union, cast

import msgspec

from ._errors import BadRequest, FieldError, Invalid
from ._forms import Form, Upload

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._values import Values

Where: TypeAlias = Literal["path", "query", "header", "cookie", "body"]

_LISTS = (list, set, frozenset, tuple)
_AT = re.compile(r" - at `(?:key in )?\$(.*)`$", re.DOTALL)
_MISSING = re.compile(r"^Object missing required field `(.+)`")
_INDEX = re.compile(r"\[(\d+|\.\.\.)\]")


def builds_itself(kind: Any) -> bool:
    """Whether a class has `model_validate`."""
    return _is_class(kind) and callable(getattr(kind, "model_validate", None))


def _is_class(kind: Any) -> bool:
    # Apart, so that a type checker doesn't narrow what is read from annotations.
    return isinstance(kind, type)


def members(kind: Any) -> tuple[Any, ...]:
    """Return the alternatives of a union, or the type itself alone."""
    if typing.get_origin(kind) in {Union, types.UnionType}:
        return typing.get_args(kind)
    return (kind,)


def without_annotations(kind: Any) -> Any:
    """Return the type under `Annotated`."""
    return kind.__origin__ if hasattr(kind, "__metadata__") else kind


def is_list(kind: Any) -> bool:
    """Whether a type takes repeated values."""
    return any((typing.get_origin(m) or m) in _LISTS for m in members(without_annotations(kind)))


def is_text(kind: Any) -> bool:
    """Whether a type takes any text as it is."""
    return any(m in {str, Any} for m in members(without_annotations(kind)))


def is_structured(kind: Any) -> bool:
    """Whether a type is made of named fields, or of things that are: a body, not a query field."""
    for member in members(without_annotations(kind)):
        origin: Any = typing.get_origin(member) or member
        if origin is dict or builds_itself(member) or typing.is_typeddict(origin):
            return True
        if _is_class(origin) and (
            issubclass(origin, msgspec.Struct)
            or dataclasses.is_dataclass(origin)
            or hasattr(origin, "_fields")  # a NamedTuple
        ):
            return True
        if origin in _LISTS and any(is_structured(a) for a in typing.get_args(member)):
            return True
    return False


_SCALARS = (str, int, float, bool, bytes)


def is_scalar(kind: Any) -> bool:
    """Whether a type can be read from one text, or from several."""
    import datetime
    import decimal
    import uuid

    plain = (*_SCALARS, Enum, decimal.Decimal, uuid.UUID, datetime.date, datetime.time)
    for member in members(without_annotations(kind)):
        origin = typing.get_origin(member) or member
        if member is None or member is types.NoneType or member is Any or origin is Literal:
            continue
        if origin in _LISTS:
            if not all(a is ... or is_scalar(a) for a in typing.get_args(member)):
                return False
        elif not (isinstance(origin, type) and issubclass(origin, (*plain, datetime.timedelta))):
            return False
    return True


def invalid(where: Where, field: str, detail: str) -> Invalid:
    """Return the error for one bad value."""
    error = FieldError(where=where, field=field, detail=detail)
    if where == "body":
        steps = _INDEX.sub(r".\1", field).strip(".").split(".")
        escaped = (s.replace("~", "~0").replace("/", "~1") for s in steps if s)
        error["pointer"] = "#" + "".join("/" + s for s in escaped)
    shown = f"{field}: {detail}" if field else detail
    return Invalid(shown, [error])


def text_reader(kind: Any, where: Where, field: str) -> Callable[[Any], Any] | None:
    """Return what turns text (or a list of texts) into `kind`; None if it may stay as it is."""
    if is_text(kind) and not is_list(kind):
        return None

    def read(value: Any) -> Any:
        try:
            return msgspec.convert(value, kind, strict=False)
        except msgspec.ValidationError as exc:
            raise invalid(where, field, _AT.sub("", str(exc))) from None

    return read


def json_reader(kind: Any) -> Callable[[bytes], Any]:
    """Return a decoder from a JSON body to `kind`; malformed is a 400, a bad value a 422."""
    plain: Any = Any if builds_itself(kind) else kind
    decoder = msgspec.json.Decoder(plain, dec_hook=_build_inner)
    dataclassed = _has_dataclass(kind)

    def read(raw: bytes) -> Any:
        try:
            value = decoder.decode(raw)
        except msgspec.ValidationError as exc:
            raise _from_msgspec(exc, "body") from None
        except (msgspec.DecodeError, RecursionError) as exc:
            raise BadRequest(f"The body is not JSON: {exc}.") from None
        if builds_itself(kind):
            return build(kind, value, "body")
        return _complete(value) if dataclassed else value

    return read


def fields_reader(kind: Any, where: Where) -> Callable[[Values], Any]:
    """Return what turns a form or a query into `kind`: repeated names become lists.

    An empty field of a type other than text counts as absent, and an absent checkbox as False:
    that is how browsers send them.
    """
    target = next(m for m in members(without_annotations(kind)) if m is not types.NoneType)
    fields = _fields(target)

    def read(form: Values) -> Any:
        data: dict[str, Any] = {}
        if fields is None:
            data = {name: form[name] for name in form if name != "_method"}
        uploads = form.files if isinstance(form, Form) else {}
        for field in fields or ():
            values: list[Any] = [*form.all(field.name), *uploads.get(field.name, ())]
            if is_list(field.kind):
                if values or field.required:
                    data[field.name] = values
            elif values and (values[-1] != "" or is_text(field.kind)):
                data[field.name] = values[-1]
            if field.boolean:
                if data.get(field.name) == "on":
                    data[field.name] = True
                elif field.name not in data and field.required:
                    data[field.name] = False
        return build(target, data, where)

    return read


def build(kind: Any, data: Any, where: Where) -> Any:
    """Return plain data as `kind`; what does not fit is an Invalid."""
    try:
        if builds_itself(kind):
            return kind.model_validate(data)
        return _complete(msgspec.convert(data, kind, strict=False, dec_hook=_build_inner))
    except msgspec.ValidationError as exc:
        raise _from_msgspec(exc, where) from None
    except ValueError as exc:
        raise _from_model(exc, where) from exc


def _has_dataclass(kind: Any) -> bool:
    return any(
        dataclasses.is_dataclass(member) or any(map(_has_dataclass, typing.get_args(member)))
        for member in members(without_annotations(kind))
    )


def _complete(value: Any) -> Any:
    # msgspec 0.22 leaves a dataclass's defaults to the class, and then encodes without them.
    kind = cast("Any", type(value))
    if dataclasses.is_dataclass(kind):
        known: dict[str, Any] | None = getattr(value, "__dict__", None)
        for field in dataclasses.fields(kind):
            inner = getattr(value, field.name)
            if known is not None:
                known.setdefault(field.name, inner)
            _complete(inner)
    elif kind is list or kind is tuple:
        for item in value:
            _complete(item)
    elif kind is dict:
        for item in value.values():
            _complete(item)
    return value


@dataclasses.dataclass(frozen=True, slots=True)
class _Field:
    name: str
    kind: Any
    required: bool

    @property
    def boolean(self) -> bool:
        return bool in members(without_annotations(self.kind))


def _fields(kind: Any) -> list[_Field] | None:
    if builds_itself(kind):
        models: dict[str, Any] = getattr(kind, "model_fields", {})
        return [
            _Field(getattr(f, "alias", None) or n, f.annotation, bool(f.is_required()))
            for n, f in models.items()
        ]
    if _is_class(kind) and issubclass(kind, msgspec.Struct):
        return [_Field(f.encode_name, f.type, f.required) for f in msgspec.structs.fields(kind)]
    if _is_class(kind) and dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind, include_extras=True)
        none = dataclasses.MISSING
        return [
            _Field(f.name, hints[f.name], f.default is none and f.default_factory is none)
            for f in dataclasses.fields(kind)
        ]
    if typing.is_typeddict(kind):
        needed: frozenset[str] = kind.__required_keys__
        hints = typing.get_type_hints(kind)
        return [_Field(name, hint, name in needed) for name, hint in hints.items()]
    return None


def _build_inner(kind: type, value: Any) -> Any:
    if builds_itself(kind):
        return cast("Any", kind).model_validate(value)
    if kind is Upload and isinstance(value, Upload):
        return value
    raise ValueError(f"Expected a {kind.__name__}")


def _from_msgspec(exc: msgspec.ValidationError, where: Where) -> Invalid:
    text = str(exc)
    found = _AT.search(text)
    field = (found[1] if found else "").removeprefix(".")
    detail = _AT.sub("", text)
    missing = _MISSING.match(detail)
    if missing:
        field, detail = f"{field}.{missing[1]}".strip("."), "is missing"
    return invalid(where, field, detail)


def _from_model(exc: ValueError, where: Where) -> Invalid:
    listed: Any = getattr(exc, "errors", None)
    if not callable(listed):
        return invalid(where, "", str(exc))
    found: list[FieldError] = []
    for item in cast("list[dict[str, Any]]", listed()):
        field = ".".join(str(step) for step in item.get("loc", ()))
        found += invalid(where, field, str(item.get("msg", "is invalid"))).errors
    return Invalid("; ".join(f"{e.get('field')}: {e.get('detail')}" for e in found), found)

"""A valid value for a field that nobody gave one: candidates by its type, tried in turn."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin
from uuid import UUID

from pydantic import BaseModel, TypeAdapter, ValidationError

from .._errors import ConfigurationError
from .._fields.annotations import bare, is_union

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pydantic.fields import FieldInfo

    Candidates = Callable[[str, int, dict[str, Any]], Iterator[Any]]

_EPOCH = datetime(2024, 1, 1, tzinfo=UTC)


def value_for(model: type[Any], name: str, number: int) -> Any:
    """Return a value that the field takes, another for each *number* where its type allows it.

    Raises `ConfigurationError` where none is found.
    """
    field: FieldInfo = model.__pydantic_fields__[name]
    adapter = _adapter(field)
    for candidate in _candidates(bare(field.annotation), name, number, _limits(field)):
        try:
            return adapter.validate_python(candidate)
        except ValidationError:
            continue
    raise ConfigurationError(
        f"no value was found that {model.__name__}.{name} takes: declare one in its factory, such "
        f'as `{name} = sequence("…{{n}}")`.'
    )


def _adapter(field: FieldInfo) -> TypeAdapter[Any]:
    kind: Any = field.annotation
    for metadata in field.metadata:
        kind = Annotated[kind, metadata]
    return TypeAdapter(kind)


def _limits(field: FieldInfo) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for metadata in field.metadata:
        for name in ("min_length", "max_length", "ge", "gt", "le", "lt", "multiple_of"):
            limit = getattr(metadata, name, None)
            if limit is not None:
                found[name] = limit
    return found


def _candidates(kind: Any, name: str, number: int, limits: dict[str, Any]) -> Iterator[Any]:
    if get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if is_union(kind):
        for part in get_args(kind):
            yield from _candidates(bare(part), name, number, limits)
    elif get_origin(kind) is Literal:
        values = get_args(kind)
        yield values[(number - 1) % len(values)]
        yield from values
    elif isinstance(kind, type) and issubclass(kind, Enum):
        members = list(kind)
        yield members[(number - 1) % len(members)]
    elif isinstance(kind, type) and issubclass(kind, BaseModel):
        yield _document(kind, number)
    elif kind in _BY_TYPE:
        yield from _BY_TYPE[kind](name, number, limits)
    elif isinstance(kind, type) and issubclass(kind, (int, float, Decimal)):
        yield from _numbers(name, number, limits)
    else:
        yield from (dict[str, Any](), list[Any]())
        yield from _texts(name, number, limits)


def _document(kind: type[BaseModel], number: int) -> dict[str, Any]:
    required = (key for key, field in kind.model_fields.items() if field.is_required())
    return {key: value_for(kind, key, number) for key in required}


def _texts(name: str, number: int, limits: dict[str, Any]) -> Iterator[Any]:
    most, least = limits.get("max_length"), limits.get("min_length", 0)
    for text in (f"{name} {number}", f"{name}{number}", f"{number:0{max(least, 1)}}", f"{number}"):
        padded = text.ljust(least, "x")
        yield padded if most is None else padded[-most:] if most else ""
    yield from (f"{name}{number}@example.com", f"https://example.com/{name}/{number}")
    yield from (f"{number:03}-{number:04}", f"{number:08x}", f"10.0.0.{number % 256}")
    letters = "abcdefghijklmnopqrstuvwxyz"
    for size in range(1, 33):
        text = "".join(letters[(number + place) % 26] for place in range(size))
        yield from (text, text.upper(), text.capitalize(), str(number).zfill(size))


def _numbers(_name: str, number: int, limits: dict[str, Any]) -> Iterator[Any]:
    exact = {key: Decimal(str(limit)) for key, limit in limits.items()}
    step = exact.get("multiple_of", Decimal(1))
    least = exact.get("ge", exact.get("gt"))
    most = exact.get("le", exact.get("lt"))
    yield number * step
    if least is not None:
        yield from (least + number * step, least + step, least, least + step / 2)
        yield (least // step + 1) * step
    if most is not None:
        yield from (most - number * step, most - step, most)
        yield (most // step) * step
    if least is not None and most is not None:
        yield (least + most) / 2
    yield from (0, 1, -1, 0.5)


def _moments(_name: str, number: int, _limits: dict[str, Any]) -> Iterator[Any]:
    moment = _EPOCH + timedelta(minutes=number)
    yield from (moment, moment.replace(tzinfo=None), datetime(2999, 1, 1, tzinfo=UTC))


def _dates(_name: str, number: int, _limits: dict[str, Any]) -> Iterator[Any]:
    yield from (_EPOCH.date() + timedelta(days=number), date(2999, 1, 1))


def _one(make: Callable[[int], Any]) -> Candidates:
    def candidates(name: str, number: int, limits: dict[str, Any]) -> Iterator[Any]:
        yield make(number)
        least = limits.get("min_length", 0)
        if least:
            yield b"x" * least

    return candidates


_BY_TYPE: dict[Any, Candidates] = {
    str: _texts,
    int: _numbers,
    float: _numbers,
    Decimal: _numbers,
    datetime: _moments,
    date: _dates,
    bool: _one(lambda number: number % 2 == 0),
    bytes: _one(lambda number: f"bytes {number}".encode()),
    UUID: _one(lambda number: UUID(int=number)),
    time: _one(lambda number: time(number // 60 % 24, number % 60)),
    timedelta: _one(lambda number: timedelta(minutes=number)),
    dict: _one(lambda _number: dict[str, Any]()),
    list: _one(lambda _number: list[Any]()),
    Any: _one(lambda number: number),
}

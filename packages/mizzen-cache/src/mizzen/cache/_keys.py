"""Keys that cannot be mistaken for one another: for tiers, from templates, from arguments."""

from __future__ import annotations

import enum
import functools
import string
from typing import TYPE_CHECKING, Any, Final, cast

from ._errors import Uncacheable

if TYPE_CHECKING:
    import hashlib
    from collections.abc import Callable, Mapping

_LONGEST: Final = 200


def stored_name(key: str) -> str:
    """Return *key* as tiers store it: itself if short, printable ASCII, else "~" and a digest."""
    if len(key) <= _LONGEST and key.isascii() and key.isprintable() and key and key[0] != "~":
        return key
    data = key.encode("utf-8", "surrogatepass")
    return "~" + _blake2b(data, digest_size=20).hexdigest()


def _blake2b(data: bytes, digest_size: int) -> hashlib.blake2b:
    import hashlib

    return hashlib.blake2b(data, digest_size=digest_size)


@functools.cache
def _plain() -> tuple[type[object], ...]:
    """Return the types whose text tells values apart; imported late, since they take 5 ms."""
    import datetime
    import decimal
    import uuid

    return int, float, decimal.Decimal, uuid.UUID, datetime.date, datetime.time


@functools.lru_cache(1024)
def _parts(template: str) -> tuple[tuple[str, str | None], ...]:
    return tuple((text, name) for text, name, _, _ in string.Formatter().parse(template))


def fill(template: str, values: Mapping[str, Any]) -> str:
    """Return "user:7" for "user:{id}"; "{user.id}" and "{row[key]}" work too.

    Colons and percent signs inside a value are escaped, so ("a:b", "c") and ("a", "b:c") differ.
    """
    filled: list[str] = []
    for text, name in _parts(template):
        filled.append(text)
        if name is not None:
            value, _ = string.Formatter().get_field(name, (), values)
            filled.append(_text(value, name, template))
    return "".join(filled)


def _text(value: object, name: str, template: str) -> str:
    if isinstance(value, enum.Enum):
        value = value.name
    if isinstance(value, str):
        return value.replace("%", "%25").replace(":", "%3A")
    if value is None or isinstance(value, _plain()):
        return str(value).replace(":", "%3A")
    raise Uncacheable(
        f"{{{name}}} in the key {template!r} is a {type(value).__qualname__}; "
        "name one of its plain attributes instead, such as {user.id}"
    )


def from_arguments(function: Callable[..., object], arguments: Mapping[str, Any]) -> str:
    """Return the function's name and a digest of its arguments, each with its exact type."""
    told = _canonical(dict(arguments), function)
    digest = _blake2b(told.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return f"{function.__module__}.{function.__qualname__}:{digest}"


def _canonical(value: Any, function: Callable[..., object]) -> str:
    """Return a text that two values share only if they are of the same types and equal."""
    kind = cast("type[object]", type(value))
    name = f"{kind.__module__}.{kind.__qualname__}"
    if kind in (int, float, bool, str, bytes, type(None)):
        inner = repr(value)
    elif isinstance(value, enum.Enum):
        inner = value.name
    elif isinstance(value, _plain()):
        inner = repr(value)
    elif kind in (list, tuple):
        inner = ",".join(_canonical(item, function) for item in value)
    elif kind in (set, frozenset):
        inner = ",".join(sorted(_canonical(item, function) for item in value))
    elif kind is dict:
        pairs = [f"{_canonical(k, function)}={_canonical(v, function)}" for k, v in value.items()]
        inner = ",".join(sorted(pairs))
    else:
        inner = _canonical(_fields(value, function), function)
    return f"{name}({len(inner)}:{inner})"


def _fields(value: Any, function: Callable[..., object]) -> Any:
    """Return a dataclass or a msgspec.Struct as a dict of its own fields."""
    names = getattr(value, "__dataclass_fields__", None) or getattr(
        value, "__struct_fields__", None
    )
    if names is None or isinstance(value, type):
        raise Uncacheable(
            f"{function.__qualname__}() takes a {type(value).__qualname__}, which has no stable "
            'form to build a key from; give one yourself: @cache.cached(key="user:{user.id}")'
        )
    return {name: getattr(value, name) for name in names}

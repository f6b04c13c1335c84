"""From what a handler returned to a Response: one look-up by type for the usual ones."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterable, Callable
from copy import copy
from typing import Any, TypeAlias, cast

import msgspec

from ._responses import HTML, JSON, Response, Text
from ._streams import Stream

Answer: TypeAlias = Any


def respond(value: Answer) -> Response:
    """Return the response that a value stands for; an unknown type raises TypeError."""
    known = _BY_TYPE.get(value.__class__)
    return _by_shape(value) if known is None else known(value)


def _same(value: Any) -> Response:
    return cast("Response", value)


def _nothing(_: Any) -> Response:
    return Response(b"", 204)


def _with_status(value: tuple[Any, ...]) -> Response:
    if len(value) != 2 or not isinstance(value[1], int):
        raise TypeError("a tuple answer is (body, status); return a list to send an array")
    response = copy(respond(value[0]))
    response.status = value[1]
    return response


_BY_TYPE: dict[type, Callable[[Any], Response]] = {
    dict: JSON,
    list: JSON,
    str: Text,
    bytes: Response,
    type(None): _nothing,
    tuple: _with_status,
    HTML: _same,
    JSON: _same,
    Response: _same,
    int: JSON,
    float: JSON,
    bool: JSON,
}


def _by_shape(value: Any) -> Response:
    if isinstance(value, Response):
        return value
    if isinstance(value, msgspec.Struct) or dataclasses.is_dataclass(value):
        return JSON(value)
    if hasattr(value, "__html__"):  # markupsafe's protocol
        return HTML(value.__html__())
    if isinstance(value, str):
        return Text(value)
    if hasattr(value, "model_dump"):
        return JSON(value)
    if isinstance(value, AsyncIterable):
        return Stream(cast("AsyncIterable[bytes]", value), media_type="text/plain; charset=utf-8")
    return JSON(value)

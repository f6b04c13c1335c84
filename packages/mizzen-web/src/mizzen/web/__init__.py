"""A small ASGI core: router, typed binding, controllers and views."""

from typing import TYPE_CHECKING, Any

from ._context import Context
from ._controller import Controller, after, before
from ._errors import (
    AddressInUse,
    BadRequest,
    ClientGone,
    Conflict,
    DefinitionError,
    Forbidden,
    HTTPError,
    Invalid,
    MissingExtra,
    NotFound,
    ServerFailed,
    Unauthorized,
    UnknownRoute,
    ViewError,
    WebError,
)
from ._flash import Flash
from ._forms import Form, Upload
from ._responses import HTML, JSON, Redirect, Response, Text
from ._routes import Group, Route
from ._signature import Body, Cookie, Header, Query
from ._streams import Event, EventStream, Stream
from ._web import Web

if TYPE_CHECKING:
    from ._client import Client, Reply, Streamed
    from ._serve import Server, serve
    from ._websocket import Socket

__all__ = [
    "HTML",
    "JSON",
    "AddressInUse",
    "BadRequest",
    "Body",
    "Client",
    "ClientGone",
    "Conflict",
    "Context",
    "Controller",
    "Cookie",
    "DefinitionError",
    "Event",
    "EventStream",
    "Flash",
    "Forbidden",
    "Form",
    "Group",
    "HTTPError",
    "Header",
    "Invalid",
    "MissingExtra",
    "NotFound",
    "Query",
    "Redirect",
    "Reply",
    "Response",
    "Route",
    "Server",
    "ServerFailed",
    "Socket",
    "Stream",
    "Streamed",
    "Text",
    "Unauthorized",
    "UnknownRoute",
    "Upload",
    "ViewError",
    "Web",
    "WebError",
    "after",
    "before",
    "serve",
]

# asyncio costs 40 ms, and an app under a server that has it needs none of these.
_LATE = {
    "Client": "_client",
    "Reply": "_client",
    "Server": "_serve",
    "Socket": "_websocket",
    "Streamed": "_client",
    "serve": "_serve",
}

for _name in set(__all__) - set(_LATE):
    globals()[_name].__module__ = __name__


def __getattr__(name: str) -> Any:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"{__name__}.{_LATE[name]}"), name)
    value.__module__ = __name__
    globals()[name] = value
    return value

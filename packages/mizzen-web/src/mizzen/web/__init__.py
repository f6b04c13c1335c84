"""A small ASGI core: router, typed binding, controllers and views."""

from ._client import Client, Reply
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
from ._serve import Server, serve
from ._signature import Body, Cookie, Header, Query
from ._streams import Event, EventStream, Stream
from ._web import Web

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
    "Stream",
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

for _name in __all__:
    globals()[_name].__module__ = __name__

"""JSON from PostgreSQL as its text, which `converting` reads where a row becomes an object.

psycopg calls Python for each document. Left as bytes it costs a tenth, takes pydantic's parser in
place, and serves to tell later whether a document was changed.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from psycopg.adapt import Loader
from psycopg.types.json import JsonbLoader, JsonLoader

if TYPE_CHECKING:
    from psycopg import AsyncConnection

_USUAL: Any = json.loads


def leave_json(connection: AsyncConnection[Any]) -> None:
    """Let *connection* leave JSON as it is, unless the program has set a reader of its own."""
    for kind, usual in (("json", JsonLoader), ("jsonb", JsonbLoader)):
        if getattr(usual, "_loads", None) is _USUAL:
            connection.adapters.register_loader(kind, _AsItIs)


class _AsItIs(Loader):
    load = cast("Any", staticmethod(bytes))

"""JSON from PostgreSQL by pydantic's parser, which takes a third of the standard library's time."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from psycopg.adapt import Loader
from psycopg.types.json import JsonbLoader, JsonLoader
from pydantic_core import from_json

if TYPE_CHECKING:
    from psycopg import AsyncConnection
    from psycopg.abc import Buffer

_USUAL: Any = json.loads


def read_json(connection: AsyncConnection[Any]) -> None:
    """Let *connection* read JSON quickly, unless the program has set a reader of its own."""
    for kind, usual in (("json", JsonLoader), ("jsonb", JsonbLoader)):
        if getattr(usual, "_loads", None) is _USUAL:
            connection.adapters.register_loader(kind, _Quick)


class _Quick(Loader):
    def load(self, data: Buffer) -> Any:
        """Return what `json.loads` returns."""
        text = bytes(data)
        try:
            return from_json(text)
        except ValueError:  # half a surrogate pair, which the standard library takes; or worse
            return json.loads(text)

"""Cursors: a place in an ordered list of rows, as a text that only its maker can write."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from typing import TYPE_CHECKING, Any, cast

from pydantic import TypeAdapter, ValidationError

from .._errors import ConfigurationError, Invalid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._models.model import Model

_MAC_BYTES = 16
_LONGEST = 10_000  # characters; a cursor holds one row's sort keys
_process_key = secrets.token_bytes(32)


def write(
    key: bytes | None, context: str, model: type[Model], names: Sequence[str], row: Any, way: str
) -> str:
    """Return the cursor that stands at *row*."""
    values = [_adapter(model, name).dump_json(getattr(row, name)).decode() for name in names]
    payload = json.dumps([way, *values]).encode()
    return base64.urlsafe_b64encode(_mac(key, context, payload) + payload).decode().rstrip("=")


def read(
    key: bytes | None, context: str, model: type[Model], names: Sequence[str], cursor: object
) -> tuple[str, list[Any]]:
    """Return a cursor's way and values; raises `Invalid` unless `write` made it for this order."""
    if not isinstance(cursor, str) or len(cursor) > _LONGEST:
        raise _refused(model)
    try:
        held = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise _refused(model) from error
    mac, payload = held[:_MAC_BYTES], held[_MAC_BYTES:]
    if not hmac.compare_digest(mac, _mac(key, context, payload)):
        raise _refused(model)
    way, *values = json.loads(payload)
    try:
        found = [
            _adapter(model, name).validate_json(value)
            for name, value in zip(names, values, strict=True)
        ]
    except (ValidationError, ValueError) as error:
        raise _refused(model) from error
    return str(way), found


def _adapter(model: type[Model], name: str) -> TypeAdapter[Any]:
    kind: Any = model.__pydantic_fields__[name].annotation
    return TypeAdapter(kind)


def _mac(key: bytes | None, context: str, payload: bytes) -> bytes:
    if not isinstance(cast("object", key), bytes | None):
        raise ConfigurationError(f"cursors are signed with bytes, not with {type(key).__name__}.")
    said = context.encode() + b"\0" + payload
    return hmac.digest(key or _process_key, said, hashlib.sha256)[:_MAC_BYTES]


def _refused(model: type[Model]) -> Invalid:
    return Invalid(
        f"the cursor is not one of this list of {model.__name__} rows: begin without a cursor.",
        model=model.__name__,
        errors=[{"field": "cursor", "message": "not a cursor of this list", "type": "cursor"}],
    )

"""Values to bytes and back: MessagePack by msgspec, typed on the way out, never pickle."""

from __future__ import annotations

from typing import Any

from ._errors import Corrupt, Uncacheable


def encode(value: object) -> bytes:
    """Return *value* as MessagePack; raise Uncacheable for what has no such form."""
    import msgspec

    try:
        return msgspec.msgpack.encode(value)
    except (msgspec.MsgspecError, TypeError, ValueError, OverflowError, RecursionError) as exc:
        raise Uncacheable(
            f"a value of type {type(value).__qualname__} cannot be encoded ({exc}); "
            "cache plain data, a dataclass or a msgspec.Struct"
        ) from exc


def decode(body: bytes, wanted: Any = None) -> Any:
    """Return the value in *body*, as *wanted* if given; raise Corrupt when it is not one.

    A type that has no MessagePack form raises Uncacheable.
    """
    import msgspec

    try:
        if wanted is None:
            return msgspec.msgpack.decode(body)
        return msgspec.msgpack.decode(body, type=wanted)
    except TypeError as exc:
        raise Uncacheable(f"nothing can be read back as {wanted}: {exc}") from exc
    except (msgspec.MsgspecError, ValueError, RecursionError) as exc:
        raise Corrupt(f"stored bytes do not read as {wanted or 'MessagePack'}: {exc}") from exc

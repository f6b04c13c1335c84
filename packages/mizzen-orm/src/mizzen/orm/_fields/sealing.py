"""A value sealed into text, and opened again: `mz1.<key id>.<base64>`, or `mz1d.` when the same
value always gives the same text.

AES-256-GCM with a random nonce, or AES-256-SIV (RFC 5297). The place (table and column) is
authenticated along, so that a text moved into another column doesn't open; moved into another row
of its column it does, since a new row's key is not known before it is written.
"""

from __future__ import annotations

import base64
import binascii
import os
from typing import TYPE_CHECKING

from .._errors import Unreadable

if TYPE_CHECKING:
    from .keys import Keys

RANDOM, SAME = "mz1", "mz1d"

_NONCE = 12


def seal(content: bytes, keys: Keys, key_id: str, place: str, *, same: bool) -> str:
    """Return *content* encrypted for *place*; `same` gives equal text for equal content."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV

    kind = SAME if same else RANDOM
    key = keys.derive(key_id, kind, place)
    if key is None:
        raise ValueError(key_id)
    if same:
        body = AESSIV(key).encrypt(content, [place.encode()])
    else:
        nonce = os.urandom(_NONCE)
        body = nonce + AESGCM(key[:32]).encrypt(nonce, content, place.encode())
    return f"{kind}.{key_id}.{base64.urlsafe_b64encode(body).decode().rstrip('=')}"


def unseal(text: str, keys: Keys, place: str) -> bytes:
    """Return what was sealed; raises `Unreadable`."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV

    kind, key_id, body = _parts(text, place)
    key = keys.derive(key_id, kind, place)
    if key is None:
        raise _unreadable(place, f"was encrypted with the key {key_id}, which is not configured")
    try:
        if kind == SAME:
            return AESSIV(key).decrypt(body, [place.encode()])
        return AESGCM(key[:32]).decrypt(body[:_NONCE], body[_NONCE:], place.encode())
    except (InvalidTag, ValueError) as error:
        raise _unreadable(
            place, "was altered, cut off or moved from another column: restore it"
        ) from error


def is_sealed(text: str) -> bool:
    """Return whether *text* looks like a sealed value."""
    return text.startswith((f"{RANDOM}.", f"{SAME}.")) and text.count(".") == 2


def prefix(key_id: str, *, same: bool) -> str:
    """Return how every text sealed with a key begins."""
    return f"{SAME if same else RANDOM}.{key_id}."


def _parts(text: str, place: str) -> tuple[str, str, bytes]:
    if not is_sealed(text):
        raise _unreadable(
            place,
            "is not encrypted; to take over rows from before, declare Encrypted(accept_plain=True) "
            "and run reencrypt()",
        )
    kind, key_id, body = text.split(".")
    try:
        return (
            kind,
            key_id,
            base64.b64decode(
                body.replace("-", "+").replace("_", "/") + "=" * (-len(body) % 4), validate=True
            ),
        )
    except (binascii.Error, ValueError) as error:
        raise _unreadable(place, "was altered or cut off: restore it") from error


def _unreadable(place: str, why: str) -> Unreadable:
    shown = place.replace("\0", ".")
    return Unreadable(f"a value in {shown} {why}.", place=shown)

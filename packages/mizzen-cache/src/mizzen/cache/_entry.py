"""One cached value with all that decides whether it may still be returned.

An entry carries *stamps*: for each generation it depends on (the whole cache, its tags), the token
that was current before its value was made. A value is good while every stamp equals the current
token. Invalidating is therefore one write of a fresh token, however many entries it touches.
"""

from __future__ import annotations

import os
import zlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from ._codec import decode, encode
from ._errors import Corrupt

if TYPE_CHECKING:
    from collections.abc import Mapping

NEVER: Final = 999_999_999_999_999
"""The expiry, in milliseconds since 1970, of an entry that has none: 15 digits, year 33658."""

_HEAD: Final = 16  # version (8), checksum (4), length of the stamps (4)


@dataclass(frozen=True, slots=True)
class Entry:
    """A value as the tiers hold it.

    `body` is the encoded value, or None where a lone memory tier holds the object itself in
    `value`. `expires` is wall-clock milliseconds. `version` differs for every write, so that a
    write can be made conditional on what was read.
    """

    body: bytes | None
    expires: int = NEVER
    stamps: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    value: object = None
    version: bytes = field(default_factory=lambda: os.urandom(8))

    def pack(self, key: str) -> bytes:
        """Return the bytes to store; the expiry is kept beside them, since `touch` rewrites it."""
        if self.body is None:
            raise TypeError(f"the entry {key!r} holds a bare object and cannot leave this process")
        stamps = encode(self.stamps)
        check = _checksum(key, self.version, stamps, self.body)
        head = self.version + check.to_bytes(4, "big") + len(stamps).to_bytes(4, "big")
        return head + stamps + self.body

    @classmethod
    def unpack(cls, key: str, expires: int, data: bytes) -> Entry:
        """Return the entry stored under *key*; raise Corrupt when any byte of it is off."""
        middle = _HEAD + int.from_bytes(data[12:_HEAD], "big")
        stamps, body = data[_HEAD:middle], data[middle:]
        check = _checksum(key, data[:8], stamps, body)
        if len(data) < _HEAD or check != int.from_bytes(data[8:12], "big"):
            raise Corrupt(f"the entry {key!r} does not match its checksum")
        return cls(body, expires, decode(stamps, dict[str, bytes]), version=data[:8])

    def stamped(self, more: Mapping[str, bytes]) -> Entry:
        """Return this entry with further stamps, as an upper tier keeps it."""
        return replace(self, stamps={**self.stamps, **more})


def _checksum(key: str, version: bytes, stamps: bytes, body: bytes) -> int:
    return zlib.crc32(body, zlib.crc32(stamps, zlib.crc32(version, zlib.crc32(key.encode()))))


class Damaged:
    """What a tier returns in place of an entry whose bytes cannot be trusted."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "DAMAGED"


DAMAGED: Final = Damaged()

"""The keys that encrypt fields: the first one encrypts, every one decrypts.

One master key (32 bytes) gives a key of its own to each column and way of encrypting, through
HKDF-SHA256, and the short id that a stored value carries; the id says nothing about the key.
"""

from __future__ import annotations

import base64
import binascii
import os
import secrets
from typing import TYPE_CHECKING, Any

from .._errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

VARIABLE = "MIZZEN_ORM_KEYS"

_BYTES = 32


class Keys:
    """Master keys in order; a repr, a pickle or an error never shows one."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._masters = [_decoded(key, number) for number, key in enumerate(keys, 1)]
        self.ids: tuple[str, ...] = tuple(
            base64.urlsafe_b64encode(_derive(master, b"id", 6)).decode() for master in self._masters
        )
        self._derived: dict[tuple[str, str, str], bytes] = {}

    @staticmethod
    def generate() -> str:
        """Return a new random key, in base64."""
        return base64.b64encode(secrets.token_bytes(_BYTES)).decode()

    def derive(self, key_id: str, purpose: str, place: str) -> bytes | None:
        """Return the 64 bytes for one column, or None when no key has that id."""
        wanted = (key_id, purpose, place)
        if wanted not in self._derived:
            if key_id not in self.ids:
                return None
            master = self._masters[self.ids.index(key_id)]
            self._derived[wanted] = _derive(master, f"{purpose}\0{place}".encode(), 64)
        return self._derived[wanted]

    def __len__(self) -> int:
        return len(self._masters)

    def __repr__(self) -> str:
        return f"<mizzen.orm.Keys {', '.join(self.ids) or 'none'}>"

    def __reduce__(self) -> Any:
        raise TypeError("keys are not pickled: configure them in each process.")


_configured: Keys | None = None


def encryption_keys(*keys: str) -> Keys:
    """Set this process's keys (32 bytes each, in base64); the first encrypts, all decrypt.

    To rotate, put a new key first and keep the old ones until `reencrypt` has run for every model.
    Without a call the environment variable MIZZEN_ORM_KEYS counts (keys with commas between);
    a call without keys goes back to it. Make a key with `Keys.generate()`.
    """
    global _configured
    _configured = Keys(keys) if keys else None
    return configured() if keys else Keys(())


def configured() -> Keys:
    """Return the keys of this process; raises `ConfigurationError` when there are none."""
    global _configured
    if _configured is None:
        given = [key for key in os.environ.get(VARIABLE, "").split(",") if key.strip()]
        if not given:
            raise ConfigurationError(
                f"a field is encrypted, and no key is configured: call encryption_keys(key), or "
                f"set {VARIABLE}; Keys.generate() makes one."
            )
        _configured = Keys(given)
    return _configured


def _decoded(key: str, number: int) -> bytes:
    try:
        text = key.strip().replace("-", "+").replace("_", "/").rstrip("=")
        found = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError, AttributeError):
        found = b""
    if len(found) != _BYTES:
        # `from None`: the cause would show the key.
        raise ConfigurationError(
            f"encryption key {number} is not 32 bytes in base64: Keys.generate() makes one."
        ) from None
    return found


def _derive(master: bytes, info: bytes, length: int) -> bytes:
    try:
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF
    except ImportError as error:
        raise ConfigurationError(
            'encrypted fields need the library cryptography: pip install "mizzen-orm[encrypted]".'
        ) from error
    return HKDF(SHA256(), length, None, b"mizzen-orm " + info).derive(master)

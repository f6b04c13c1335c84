"""Signed tokens for one purpose and a limited time: mail verification, reset, invitations."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from ._errors import AuthError, ConfigurationError, ExpiredToken, InvalidToken
from ._units import Duration, seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SHORTEST_SECRET = 32
LONGEST_TOKEN = 8192


class Tokens:
    """Signs and reads; signed is not encrypted: whoever holds a token can read its data."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._secrets: tuple[str, ...] = ()
        self._serializers: dict[str, Any] = {}

    def __repr__(self) -> str:
        return f"<mizzen.auth.Tokens with {len(self._secrets)} keys>"

    def use(self, secrets: Sequence[str]) -> None:
        """Sign with the first of these secrets and accept all of them."""
        self._secrets = tuple(secrets)
        self._serializers.clear()

    def sign(self, purpose: str, data: object, *, ttl: Duration = "1d") -> str:
        """Return a URL-safe token that holds JSON data until its time is over."""
        until = round(self._clock() + seconds(ttl), 3)
        try:
            token = str(self._serializer(purpose).dumps([until, data]))
        except (TypeError, ValueError):
            raise AuthError(
                "A token holds JSON data only: text, numbers, lists, mappings"
            ) from None
        if len(token) > LONGEST_TOKEN:
            raise AuthError(f"The token would be longer than {LONGEST_TOKEN}: sign an id instead")
        return token

    def read(self, purpose: str, token: str) -> Any:
        """Return the data of a token, or raise `ExpiredToken` or `InvalidToken`."""
        from itsdangerous import BadData

        if len(token) > LONGEST_TOKEN:
            raise InvalidToken(f"That is no token for {purpose!r}")
        try:
            until, data = self._serializer(purpose).loads(token)
        except (BadData, ValueError, TypeError):
            raise InvalidToken(f"That is no token for {purpose!r}") from None
        if self._clock() >= until:
            raise ExpiredToken(f"The token for {purpose!r} has expired: issue a new one")
        return data

    def _serializer(self, purpose: str) -> Any:
        if purpose not in self._serializers:
            self._serializers[purpose] = self._new_serializer(purpose)
        return self._serializers[purpose]

    def _new_serializer(self, purpose: str) -> Any:
        from itsdangerous import URLSafeSerializer

        if not self._secrets:
            raise AuthError("The secret is kept in the store: call `await auth.start()` first")
        if not purpose:
            raise ConfigurationError("Name the purpose of the token, such as 'verify-email'")
        return URLSafeSerializer(
            list(reversed(self._secrets)),  # itsdangerous signs with the last
            salt=f"mizzen.auth:{purpose}",
            signer_kwargs={"digest_method": hashlib.sha256, "key_derivation": "hmac"},
        )


def checked_secrets(secret: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return the secrets, newest first; too short a one is refused without repeating it."""
    secrets = (secret,) if isinstance(secret, str) else tuple(secret or ())
    if any(len(each) < SHORTEST_SECRET for each in secrets):
        raise ConfigurationError(
            f"A secret has at least {SHORTEST_SECRET} characters; make one with "
            "`python -c 'import secrets; print(secrets.token_urlsafe(32))'`"
        )
    return secrets

"""A session: what a browser's cookie stands for. The token is shown once and never stored."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ._errors import AuthError

if TYPE_CHECKING:
    from datetime import datetime

    from ._users import User

# 32 random bytes as unpadded base64url; anything else is turned away without asking the store.
TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")


def new_token() -> str:
    """Return 256 random bits that fit a cookie."""
    return secrets.token_urlsafe(32)


def session_id(token: str) -> str | None:
    """Return what the store keeps in place of the token, or None if it can't be a token.

    A plain SHA-256 is enough here: the token is random, so there is nothing to guess.
    """
    if not TOKEN.fullmatch(token):
        return None
    return hashlib.sha256(token.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A session as a store keeps it. Times are seconds since the epoch."""

    id: str
    user_id: str
    created_at: float
    expires_at: float
    last_used_at: float
    address: str
    device: str


@dataclass(frozen=True, slots=True, repr=False)
class Session:
    """Somebody is logged in: who, since when, until when, and from where."""

    id: str
    user: User
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime
    address: str
    device: str
    _token: str | None = field(default=None, compare=False)

    @property
    def token(self) -> str:
        """The secret that stands for this session; known only to the one who holds it."""
        if self._token is None:
            raise AuthError("A listed session has no token: only a hash of it is stored")
        return self._token

    def __repr__(self) -> str:
        until = self.expires_at.isoformat(sep=" ", timespec="minutes")
        return f"<mizzen.auth.Session of {self.user.id} until {until}>"

    def __reduce__(self) -> tuple[object, ...]:
        """A pickled session carries no token: pickles end up in caches and queues."""
        return Session, (
            self.id,
            self.user,
            self.created_at,
            self.expires_at,
            self.last_used_at,
            self.address,
            self.device,
        )

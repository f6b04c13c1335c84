"""One visitor during one request: who it is, and what becomes of the cookie."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._errors import TooLate
from ._outcomes import Refused

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from ._auth import Auth
    from ._sessions import Session
    from ._users import User


class Visit:
    """What `scope["auth"]` holds: the session of a request, and the way to change it."""

    def __init__(
        self, auth: Auth, scope: MutableMapping[str, Any], session: Session | None
    ) -> None:
        self._auth = auth
        self._scope = scope
        self._session = session
        self._replaced: Session | None = None
        self._cookie: tuple[bytes, bytes] | None = None
        self._answered = False

    def __repr__(self) -> str:
        return f"<mizzen.auth.Visit of {self.user.id if self.user else 'nobody'}>"

    @property
    def user(self) -> User | None:
        """Who is logged in."""
        return self._session.user if self._session else None

    @property
    def session(self) -> Session | None:
        """The session of the cookie, or the one that this request opened."""
        return self._session

    @property
    def address(self) -> str | None:
        """The visitor's address, as the server gives it; list your proxies there, not here."""
        client = self._scope.get("client")
        return client[0] if client else None

    @property
    def device(self) -> str:
        """The visitor's User-Agent."""
        agents = [value for name, value in self._scope["headers"] if name == b"user-agent"]
        return agents[0].decode("latin-1") if agents else ""

    async def login(self, login: str, password: str) -> Session | Refused:
        """Log in with the visitor's address and device, and set the cookie if it succeeded."""
        outcome = await self._auth.login(login, password, address=self.address, device=self.device)
        if not isinstance(outcome, Refused):
            self.remember(outcome)
        return outcome

    def remember(self, session: Session) -> None:
        """Put a session in the visitor's cookie; the session that was there ends.

        So a cookie that somebody planted before the login is worth nothing after it. Raises
        `TooLate` once the response has begun.
        """
        self._in_time()
        if self._session is not None and self._session.id != session.id:
            self._replaced = self._replaced or self._session
        age = int((session.expires_at - session.created_at).total_seconds())
        self._cookie = self._auth.cookies.write(self._scope, session.token, age)
        self._become(session)

    async def forget(self) -> None:
        """Log out: end the session at once and remove the cookie.

        Raises `TooLate` once the response has begun.
        """
        self._in_time()
        self._cookie = self._auth.cookies.write(self._scope, "", 0)
        if self._session is not None:
            await self._auth.revoke(self._session)
        self._become(None)

    async def settle(self) -> tuple[bytes, bytes] | None:
        """Return the cookie to send, if it changed; the layer calls this as the response begins."""
        if self._answered:
            return None
        self._answered = True
        if self._replaced is not None:
            await self._auth.revoke(self._replaced)
        return self._cookie

    def _become(self, session: Session | None) -> None:
        self._session = session
        self._scope["session"], self._scope["user"] = session, self.user

    def _in_time(self) -> None:
        if self._answered:
            raise TooLate("The response has begun: log in or out before sending its first byte")

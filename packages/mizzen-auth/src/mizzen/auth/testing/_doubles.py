"""A clock that stands still, a hasher that costs nothing, and a login without a form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mizzen.auth._hashing import Argon2
from mizzen.auth._units import Duration, seconds

if TYPE_CHECKING:
    from mizzen.auth._auth import Auth
    from mizzen.auth._sessions import Session
    from mizzen.auth._users import User

PASSWORD = "correct horse, battery and staple"  # noqa: S105


class FrozenClock:
    """A clock for `Auth(clock=…)` that moves only when told to. It begins in 2030."""

    def __init__(self, now: float = 1_900_000_000.0) -> None:
        self.now: float = now

    def __call__(self) -> float:
        """Return seconds since the epoch."""
        return self.now

    def advance(self, duration: Duration) -> None:
        """Let time pass."""
        self.now += seconds(duration)


def cheap_hasher() -> Argon2:
    """Return real Argon2id with parameters that are worth nothing, and take no time."""
    return Argon2(time_cost=1, memory_kib=8, parallelism=1)


@dataclass(frozen=True, slots=True, repr=False)
class LoggedIn:
    """A user with an open session, and the cookie that a test client sends."""

    user: User
    session: Session
    cookies: dict[str, str]

    @property
    def headers(self) -> dict[str, str]:
        """The cookie as a request header."""
        return {"cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}

    def __repr__(self) -> str:
        return f"<mizzen.auth.testing.LoggedIn {self.user.username}>"


class LoginAs:
    """Opens sessions by name: `await login_as("ann")`; `secure=True` for the cookie of https."""

    def __init__(self, auth: Auth) -> None:
        self.auth = auth

    async def __call__(self, username: str = "ann", *, secure: bool = False) -> LoggedIn:
        """Return the user of this name, registered if need be, with a new session."""
        user = await self.auth.find(username)
        if user is None:
            user = await self.auth.register(username=username, password=PASSWORD, name=username)
        session = await self.auth.open_session(user, address="127.0.0.1", device="test")
        return LoggedIn(user, session, {self.auth.cookies.name(secure): session.token})

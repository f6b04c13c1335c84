"""The component: who may come in, and who is in."""

from __future__ import annotations

import asyncio
import time
import uuid
from typing import TYPE_CHECKING, Any

from . import _logins, _passwords
from ._cookies import Cookies
from ._display import Shown, masked
from ._errors import (
    AuthError,
    NotStarted,
    TooManyAttempts,
    UnknownUser,
    WrongPassword,
)
from ._hashing import Argon2, HashingRoom
from ._housekeeping import Housekeeping
from ._layer import Layer
from ._limits import FailedLogins
from ._origins import Origins
from ._outcomes import Refused
from ._sessions import Session, StoredSession, new_token, session_id
from ._tokens import Tokens, checked_secrets
from ._units import Duration, moment, seconds
from ._users import StoredUser, User
from .stores import open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Self

    from ._layer import ASGIApp
    from .abc import Hasher, UserStore

DEVICE_LENGTH = 256
ADDRESS_LENGTH = 64


class Auth(Shown):
    """Users, sessions and signed tokens in one store.

    `url` is `memory:`, `sqlite:///file`, `postgresql://…` or a `UserStore`. `secret` (or several, the
    newest first) signs tokens; without one, one is made and kept in the store. A session ends `idle`
    after its last use, and `absolute` after the login in any case.
    """

    def __init__(
        self,
        url: str | UserStore = "memory:",
        *,
        secret: str | Sequence[str] | None = None,
        idle: Duration = "14d",
        absolute: Duration = "90d",
        min_length: int = 8,
        blocklist: Iterable[str] = (),
        hasher: Hasher | None = None,
        hashing_threads: int | None = None,
        failures_per_account: int = 10,
        failures_per_address: int = 100,
        failure_window: Duration = "15m",
        cookie: str = "session",
        secure: bool | None = None,
        trusted_origins: Iterable[str] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.url = masked(url) if isinstance(url, str) else type(url).__name__
        self.tokens = Tokens(clock)
        self.cookies = Cookies(cookie, secure=secure)
        self.origins = Origins(trusted_origins)
        self.counts = dict.fromkeys(COUNTED, 0)
        self._store = open_store(url) if isinstance(url, str) else url
        self._secrets = checked_secrets(secret)
        self.tokens.use(self._secrets)
        self._idle, self._absolute = seconds(idle), seconds(absolute)
        self._min_length = min_length
        self._blocklist = _passwords.COMMON | {word.casefold() for word in blocklist}
        self._hashing = HashingRoom(hasher or Argon2(), hashing_threads)
        self._limits = FailedLogins(
            # Setting the machine's clock must neither free nor lock anybody.
            time.monotonic if clock is time.time else clock,
            account=failures_per_account,
            address=failures_per_address,
            window=seconds(failure_window),
        )
        self._clock = clock
        self._starting = asyncio.Lock()
        self._house: Housekeeping | None = None

    async def start(self) -> Self:
        """Open the store and begin housekeeping; twice is once."""
        async with self._starting:
            if self._house is None:
                try:
                    await self._store.start()
                    if not self._secrets:
                        self.tokens.use([await self._store.keep("secret", new_token())])
                except BaseException:
                    await self._store.aclose()
                    raise
                self._house = Housekeeping(self._store, self._clock, self._idle)
                self._house.start()
        return self

    async def aclose(self) -> None:
        """Write what is pending and close the store; raises what went wrong in the background."""
        async with self._starting:
            house, self._house = self._house, None
            if house is not None:
                await house.aclose()
                await self._store.aclose()
                self._raise_failure(house)

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

    # Users

    async def register(
        self, *, password: str, email: str | None = None, username: str | None = None, name: str = ""
    ) -> User:
        """Add a user with an email, a username, or both.

        Raises `InvalidEmail`, `InvalidUsername`, `InvalidName`, `WeakPassword` or
        `AlreadyRegistered`: all are `InvalidInput`, with a message to show and the `field`.
        """
        self._ready()
        if email is None and username is None:
            raise AuthError("A user needs an email, a username, or both")
        address, address_key = (None, None) if email is None else _logins.email(email)
        shown, shown_key = (None, None) if username is None else _logins.username(username)
        name = _logins.name(name)
        plain = self._acceptable(password, address, shown)
        encoded = await self._hashing.hash(plain)
        user = User(uuid.uuid4().hex, address, shown, name, moment(self._clock()))
        await self._store.add_user(StoredUser(user, address_key, shown_key, encoded))
        self.counts["registered"] += 1
        return user

    async def user(self, user_id: str) -> User | None:
        """Return the user with this id."""
        found = await self._stored(user_id)
        return found and found.user

    async def find(self, login: str) -> User | None:
        """Return the user with this email or username."""
        self._ready()
        key = _logins.key_of(login)
        found = key and await self._store.find_user(*key)
        return found.user if found else None

    async def users(self, limit: int = 100) -> list[User]:
        """Return the newest users, newest first."""
        self._ready()
        return [found.user for found in await self._store.users(limit)]

    async def change_password(
        self, user: User | str, *, current: str, new: str, keep: Session | None = None
    ) -> None:
        """Change a password for who knows the current one; all sessions but `keep` end at once.

        Raises `WrongPassword`, `WeakPassword`, `TooManyAttempts` or `UnknownUser`.
        """
        found = await self._known(user)
        plain = self._acceptable(new, found.user.email, found.user.username)
        if wait := self._limits.attempt(found.user.id, None):
            raise TooManyAttempts("Too many failed attempts. Try again later.", retry_after=wait)
        given = _passwords.readable(current)
        if given is None or not await self._hashing.verify(found.password_hash, given):
            raise WrongPassword("The current password is wrong; nothing was changed.")
        self._limits.forgive(found.user.id, None)
        encoded = await self._hashing.hash(plain)
        kept = keep.id if keep is not None else None
        if not await self._store.set_password(
            found.user.id, encoded, epoch=found.epoch, keep_session=kept
        ):
            raise WrongPassword("The password was changed meanwhile; nothing was changed.")

    async def set_password(self, user: User | str, new: str) -> None:
        """Set a password without asking for the current one; all sessions end at once.

        For resets, after you have checked a token. Raises `WeakPassword` or `UnknownUser`.
        """
        found = await self._known(user)
        plain = self._acceptable(new, found.user.email, found.user.username)
        encoded = await self._hashing.hash(plain)
        await self._store.set_password(found.user.id, encoded, epoch=None, keep_session=None)

    async def disable(self, user: User | str) -> None:
        """Keep a user from logging in; all sessions end at once. Raises `UnknownUser`."""
        found = await self._known(user)
        await self._store.set_disabled(found.user.id, self._clock())

    async def enable(self, user: User | str) -> None:
        """Let a disabled user log in again. Raises `UnknownUser`."""
        found = await self._known(user)
        await self._store.set_disabled(found.user.id, None)

    # Sessions

    async def login(
        self, login: str, password: str, *, address: str | None = None, device: str | None = None
    ) -> Session | Refused:
        """Open a session for an email or username and its password, or say why not.

        Every failure of one kind takes the same work, whether the user exists or not. `address`
        counts towards the limit; `device` is text for the list of sessions, such as a User-Agent.
        """
        self._ready()
        key, plain = _logins.key_of(login), _passwords.readable(password)
        if key is None or plain is None:
            return self._refused(Refused("wrong"))
        account = ":".join(key)
        if wait := self._limits.attempt(account, address):
            return self._refused(Refused("too-many-attempts", retry_after=wait))
        found = await self._store.find_user(*key)
        matches = await self._hashing.verify(found.password_hash if found else None, plain)
        if found is None or not matches:
            return self._refused(Refused("wrong"))
        self._limits.forgive(account, address)
        if found.user.disabled:
            return self._refused(Refused("disabled"))
        await self._improve_hash(found, plain)
        session = await self._open(found, address, device)
        return session or self._refused(Refused("wrong"))  # the password changed meanwhile

    async def open_session(
        self, user: User | str, *, address: str | None = None, device: str | None = None
    ) -> Session:
        """Open a session without a password, after a check of your own. Raises `UnknownUser`."""
        found = await self._known(user)
        session = await self._open(found, address, device)
        if session is None:
            raise UnknownUser(f"User {found.user.id} is disabled: no session was opened")
        return session

    async def session(self, token: str) -> Session | None:
        """Return the session that a token stands for, unless it has ended. One look at the store."""
        house = self._ready()
        hashed = session_id(token)
        if hashed is None:
            return None
        self.counts["looked_up"] += 1
        found = await self._store.session(hashed)
        if found is None or not self._live(*found):
            return None
        record, owner = found
        used = house.used(hashed, house.last_used(hashed, record.last_used_at))
        return _session(record, owner.user, used, token)

    async def sessions(self, user: User | str | None = None, limit: int = 100) -> list[Session]:
        """Return the live sessions of a user (or of everybody), the last used first."""
        house = self._ready()
        found = await self._store.sessions(None if user is None else _id(user), limit)
        return [
            _session(record, owner.user, house.last_used(record.id, record.last_used_at), None)
            for record, owner in found
            if self._live(record, owner)
        ]

    async def revoke(self, session: Session | str) -> bool:
        """End a session (or the one of a token) at once; False if it had ended already."""
        self._ready()
        ended = session.id if isinstance(session, Session) else session_id(session)
        revoked = ended is not None and await self._store.drop_session(ended)
        self.counts["revoked"] += revoked
        return revoked

    async def revoke_all(self, user: User | str, *, keep: Session | None = None) -> int:
        """End all sessions of a user, but one; return how many ended."""
        self._ready()
        kept = keep.id if keep is not None else None
        revoked = await self._store.drop_sessions(_id(user), keep_session=kept)
        self.counts["revoked"] += revoked
        return revoked

    # HTTP

    def layer(self, app: ASGIApp, *, headers: Mapping[str, str | None] | None = None) -> Layer:
        """Wrap an ASGI app: session, cross-site check and security headers in one layer.

        `headers` changes a default header, or leaves it out with None; `{nonce}` in a value becomes
        the response's nonce, which the app finds in `scope["csp_nonce"]`.
        """
        return Layer(self, app, headers or {})

    async def identify(self, scope: Mapping[str, Any]) -> User | None:
        """Return who an ASGI scope's cookie belongs to; nobody, if another site sent it."""
        self._ready()
        if self.origins.refuses(scope):
            return None
        session = await self.session(self.cookies.read(scope) or "")
        return session.user if session else None

    # The component

    async def health(self) -> dict[str, object]:
        """Return whether the store answers; never raises."""
        detail = "ok"
        try:
            house = self._ready()
            await self._store.ping()
            if house.trouble is not None:
                detail = f"last uses could not be written: {house.trouble}"
        except Exception as exc:
            detail = str(exc) or type(exc).__name__
        return {"ok": detail == "ok", "detail": {"store": detail}}

    def stats(self) -> dict[str, float]:
        """Return counters since the object was made, and gauges of now."""
        counted: dict[str, float] = {COUNTED[name]: count for name, count in self.counts.items()}
        return counted | {
            "password_hashes_total": self._hashing.hashed,
            "password_hashes_waiting": self._hashing.waiting,
            "limited_accounts_remembered": len(self._limits.accounts),
            "limited_addresses_remembered": len(self._limits.addresses),
        }

    @property
    def started(self) -> bool:
        """Whether `start()` was called, and `aclose()` not yet."""
        return self._house is not None

    def _ready(self) -> Housekeeping:
        if self._house is None:
            raise NotStarted("Auth is not started: call `await auth.start()` or use `async with`")
        self._raise_failure(self._house)
        return self._house

    @staticmethod
    def _raise_failure(house: Housekeeping) -> None:
        if isinstance(house.failure, Exception):
            raise AuthError("Housekeeping failed in the background") from house.failure

    async def _stored(self, user: User | str) -> StoredUser | None:
        self._ready()
        return await self._store.user(_id(user))

    async def _known(self, user: User | str) -> StoredUser:
        if (found := await self._stored(user)) is None:
            raise UnknownUser(f"There is no user {_logins.cut(_id(user), 40)!r}")
        return found

    def _acceptable(self, password: str, *own: str | None) -> str:
        return _passwords.acceptable(
            password, shortest=self._min_length, blocklist=self._blocklist, own=own
        )

    def _refused(self, outcome: Refused) -> Refused:
        self.counts["limited" if outcome.reason == "too-many-attempts" else "refused"] += 1
        return outcome

    async def _improve_hash(self, found: StoredUser, plain: str) -> None:
        """Hash anew with today's parameters; now is the only time that the password is known."""
        if self._hashing.hasher.outdated(found.password_hash):
            better = await self._hashing.hash(plain)
            await self._store.replace_hash(found.user.id, found.password_hash, better)
            self.counts["rehashed"] += 1

    async def _open(
        self, found: StoredUser, address: str | None, device: str | None
    ) -> Session | None:
        token, now = new_token(), self._clock()
        record = StoredSession(
            id=session_id(token) or "",
            user_id=found.user.id,
            created_at=now,
            expires_at=now + self._absolute,
            last_used_at=now,
            address=_logins.cut(address, ADDRESS_LENGTH),
            device=_logins.cut(device, DEVICE_LENGTH),
        )
        if not await self._store.add_session(record, found.epoch):
            return None
        self.counts["opened"] += 1
        return _session(record, found.user, now, token)

    def _live(self, record: StoredSession, owner: StoredUser) -> bool:
        now = self._clock()
        house = self._ready()
        idle = now - house.last_used(record.id, record.last_used_at)
        return now < record.expires_at and idle < self._idle and not owner.user.disabled


COUNTED = {
    "registered": "users_registered_total",
    "opened": "sessions_opened_total",
    "revoked": "sessions_revoked_total",
    "looked_up": "sessions_looked_up_total",
    "refused": "logins_refused_total",
    "limited": "logins_limited_total",
    "rehashed": "passwords_rehashed_total",
    "cross_site": "cross_site_requests_refused_total",
}


def _session(record: StoredSession, user: User, used: float, token: str | None) -> Session:
    times = (moment(record.created_at), moment(record.expires_at), moment(used))
    return Session(record.id, user, *times, record.address, record.device, token)


def _id(user: User | str) -> str:
    """Return a user's id; text that can't be one is nobody's, and never reaches a driver."""
    user_id = user.id if isinstance(user, User) else user
    return user_id if len(user_id) == 32 and user_id.isascii() and user_id.isalnum() else ""

"""What all parts of `Auth` stand on: its options, its store, its beginning and end."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import anyio

from . import _names, _passwords
from ._cookies import Cookies
from ._display import Shown, masked
from ._errors import AuthError, NotStarted, UnknownUser
from ._hashing import Argon2, HashingRoom
from ._limits import FailedLogins
from ._origins import Origins
from ._sessions import new_token
from ._tokens import Tokens, checked_secrets
from ._units import Duration, seconds
from ._users import StoredUser, User
from .stores import open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Self

    from ._housekeeping import Housekeeping
    from .abc import Hasher, UserStore

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


class Core(Shown):
    """Opens, shows and closes an `Auth`."""

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
        self.url: str = masked(url) if isinstance(url, str) else type(url).__name__
        self.tokens: Tokens = Tokens(clock)
        self.cookies: Cookies = Cookies(cookie, secure=secure)
        self.origins: Origins = Origins(trusted_origins)
        self.counts: dict[str, int] = dict.fromkeys(COUNTED, 0)
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
        self._starting = anyio.Lock()
        self._house: Housekeeping | None = None

    async def start(self) -> Self:
        """Open the store and begin housekeeping; twice is once."""
        async with self._starting:
            if self._house is None or self._house_is_gone(self._house):
                from ._housekeeping import Housekeeping  # with asyncio: half the import's time

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
    def _house_is_gone(house: Housekeeping) -> bool:
        """Tell whether the loop that did the housekeeping ended without an `aclose()`."""
        return house.ended and not isinstance(house.failure, Exception)

    @staticmethod
    def _raise_failure(house: Housekeeping) -> None:
        if isinstance(house.failure, Exception):
            raise AuthError("Housekeeping failed in the background") from house.failure

    async def _stored(self, user: User | str) -> StoredUser | None:
        self._ready()
        return await self._store.user(id_of(user))

    async def _known(self, user: User | str) -> StoredUser:
        if (found := await self._stored(user)) is None:
            raise UnknownUser(f"There is no user {_names.cut(id_of(user), 40)!r}")
        return found


def id_of(user: User | str) -> str:
    """Return a user's id; text that can't be one is nobody's, and never reaches a driver."""
    user_id = user.id if isinstance(user, User) else user
    return user_id if len(user_id) == 32 and user_id.isascii() and user_id.isalnum() else ""

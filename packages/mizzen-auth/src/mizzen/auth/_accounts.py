"""Users: registered, found, disabled; and the change of their passwords."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from . import _names, _passwords
from ._core import Core
from ._errors import AuthError, TooManyAttempts, WrongPassword
from ._units import moment
from ._users import StoredUser, User

if TYPE_CHECKING:
    from ._sessions import Session


class Accounts(Core):
    """The part of `Auth` that knows users."""

    async def register(
        self,
        *,
        password: str,
        email: str | None = None,
        username: str | None = None,
        name: str = "",
    ) -> User:
        """Add a user with an email, a username, or both.

        Raises `InvalidEmail`, `InvalidUsername`, `InvalidName`, `WeakPassword` or
        `AlreadyRegistered`: all are `InvalidInput`, with a message to show and the `field`.
        """
        self._ready()
        if email is None and username is None:
            raise AuthError("A user needs an email, a username, or both")
        address, address_key = (None, None) if email is None else _names.email(email)
        shown, shown_key = (None, None) if username is None else _names.username(username)
        name = _names.name(name)
        plain = self._acceptable(password, address, shown)
        encoded = await self._hashing.hash(plain)
        user = User(uuid.uuid4().hex, address, shown, name, moment(self._clock()))
        await self._store.add_user(StoredUser(user, address_key, shown_key, encoded))
        self.counts["registered"] += 1
        return user

    async def user(self, user_id: str) -> User | None:
        """Return the user with this id."""
        found = await self._stored(user_id)
        return found.user if found else None

    async def find(self, login: str) -> User | None:
        """Return the user with this email or username."""
        self._ready()
        key = _names.key_of(login)
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
        for field, key in (("email", found.email_key), ("username", found.username_key)):
            self._limits.accounts.forget(f"{field}:{key}")  # who forgot the password has failed

    async def disable(self, user: User | str) -> None:
        """Keep a user from logging in; all sessions end at once. Raises `UnknownUser`."""
        found = await self._known(user)
        await self._store.set_disabled(found.user.id, self._clock())

    async def enable(self, user: User | str) -> None:
        """Let a disabled user log in again. Raises `UnknownUser`."""
        found = await self._known(user)
        await self._store.set_disabled(found.user.id, None)

    def _acceptable(self, password: str, *own: str | None) -> str:
        return _passwords.acceptable(
            password, shortest=self._min_length, blocklist=self._blocklist, own=own
        )

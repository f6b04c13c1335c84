"""Sessions: opened by a login, looked up by their token, listed, revoked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import _names, _passwords
from ._core import Core, id_of
from ._errors import UnknownUser
from ._outcomes import Refused
from ._sessions import Session, StoredSession, new_token, session_id
from ._units import moment

if TYPE_CHECKING:
    from ._users import StoredUser, User

DEVICE_LENGTH = 256
ADDRESS_LENGTH = 64


class Login(Core):
    """The part of `Auth` that lets people in, and knows who is in."""

    async def login(
        self, login: str, password: str, *, address: str | None = None, device: str | None = None
    ) -> Session | Refused:
        """Open a session for an email or username and its password, or say why not.

        Every failure of one kind takes the same work, whether the user exists or not. `address`
        counts towards the limit; `device` is text for the list of sessions, such as a User-Agent.
        """
        self._ready()
        key, plain = _names.key_of(login), _passwords.readable(password)
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
        """Return the session that a token stands for, unless it has ended: one read."""
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
        found = await self._store.sessions(None if user is None else id_of(user), limit)
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
        revoked = await self._store.drop_sessions(id_of(user), keep_session=kept)
        self.counts["revoked"] += revoked
        return revoked

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
            address=_names.cut(address, ADDRESS_LENGTH),
            device=_names.cut(device, DEVICE_LENGTH),
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


def _session(record: StoredSession, user: User, used: float, token: str | None) -> Session:
    times = (moment(record.created_at), moment(record.expires_at), moment(used))
    return Session(record.id, user, *times, record.address, record.device, token)

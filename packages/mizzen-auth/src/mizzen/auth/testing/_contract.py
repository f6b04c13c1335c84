"""What every user store promises, as tests that a store of yours can inherit."""

from __future__ import annotations

from dataclasses import replace

import anyio
import pytest

from mizzen.auth._errors import AlreadyRegistered
from mizzen.auth._sessions import StoredSession
from mizzen.auth._units import moment
from mizzen.auth._users import StoredUser, User
from mizzen.auth.abc import UserStore  # noqa: TC001  (fixture types are read at run time)

NOW = 1_900_000_000.0
SESSIONS = (("s", "a"), ("t", "a"), ("u", "b"))  # two of one user, one of another


def stored_user(letter: str = "a", *, email: str | None = None) -> StoredUser:
    """Return a record whose id and keys are made of one letter."""
    user = User(letter * 32, email or f"{letter}@example.org", letter, letter, moment(NOW))
    return StoredUser(user, user.email, user.username, f"hash of {letter}")


def stored_session(letter: str = "s", *, of: str = "a", used: float = NOW) -> StoredSession:
    """Return a record of a session that ends an hour after it began."""
    return StoredSession(letter * 64, of * 32, NOW, NOW + 3600, used, "127.0.0.1", "a browser")


class UserStoreContract:
    """Subclass, and provide a `store` fixture: an empty store that was started."""

    @pytest.fixture
    async def store(self) -> UserStore:
        """Return a started, empty store."""
        raise NotImplementedError

    async def test_user_is_found_by_id_and_by_either_key(self, store: UserStore) -> None:
        await store.add_user(stored_user())
        for found in (
            await store.user("a" * 32),
            await store.find_user("email", "a@example.org"),
            await store.find_user("username", "a"),
        ):
            assert found == stored_user()
        assert await store.find_user("username", "a@example.org") is None
        assert await store.user("b" * 32) is None

    async def test_users_without_email_or_username_live_side_by_side(
        self, store: UserStore
    ) -> None:
        for letter in "ab":
            record = stored_user(letter)
            user = replace(record.user, email=None)
            await store.add_user(replace(record, user=user, email_key=None))
        assert len(await store.users(10)) == 2

    async def test_taken_key_is_refused_and_named(self, store: UserStore) -> None:
        await store.add_user(stored_user("a"))
        with pytest.raises(AlreadyRegistered) as same_email:
            await store.add_user(replace(stored_user("b"), email_key="a@example.org"))
        with pytest.raises(AlreadyRegistered) as same_name:
            await store.add_user(replace(stored_user("b"), username_key="a"))
        assert (same_email.value.field, same_name.value.field) == ("email", "username")
        assert len(await store.users(10)) == 1

    async def test_fifty_users_with_one_key_at_once_become_one(self, store: UserStore) -> None:
        added: list[str] = []

        async def add(number: int) -> None:
            user = replace(stored_user().user, id=f"{number:032}")
            try:
                await store.add_user(StoredUser(user, "one@example.org", f"u{number}", "hash"))
            except AlreadyRegistered:
                return
            added.append(user.id)

        async with anyio.create_task_group() as group:
            for number in range(50):
                group.start_soon(add, number)
        assert len(added) == 1
        assert [found.user.id for found in await store.users(100)] == added

    async def test_newest_users_come_first(self, store: UserStore) -> None:
        for age, letter in enumerate("cba"):
            record = stored_user(letter)
            user = replace(record.user, created_at=moment(NOW - 100 + age))
            await store.add_user(replace(record, user=user))
        assert [found.user.username for found in await store.users(2)] == ["a", "b"]

    async def test_value_that_is_kept_first_stays(self, store: UserStore) -> None:
        assert await store.keep("secret", "first") == "first"
        assert await store.keep("secret", "second") == "first"

    async def test_better_hash_does_not_undo_a_new_password(self, store: UserStore) -> None:
        await store.add_user(stored_user())
        assert await store.set_password("a" * 32, "new", epoch=None, keep_session=None)
        assert not await store.replace_hash("a" * 32, "hash of a", "better hash of a")
        assert await store.replace_hash("a" * 32, "new", "better")
        found = await store.user("a" * 32)
        assert found is not None
        assert (found.password_hash, found.epoch) == ("better", 1)

    async def test_new_password_ends_all_sessions_but_the_kept(self, store: UserStore) -> None:
        for letter in "ab":
            await store.add_user(stored_user(letter))
        for letter, owner in ("sa", "ta", "ub"):
            assert await store.add_session(stored_session(letter, of=owner), 0)
        assert await store.set_password("a" * 32, "new", epoch=0, keep_session="t" * 64)
        assert await store.session("s" * 64) is None
        assert await store.session("t" * 64) is not None
        assert await store.session("u" * 64) is not None

    async def test_password_change_that_comes_second_changes_nothing(
        self, store: UserStore
    ) -> None:
        await store.add_user(stored_user())
        assert await store.set_password("a" * 32, "one", epoch=0, keep_session=None)
        await store.add_session(stored_session(), 1)
        assert not await store.set_password("a" * 32, "two", epoch=0, keep_session=None)
        assert not await store.set_password("b" * 32, "nobody's", epoch=None, keep_session=None)
        found = await store.session("s" * 64)
        assert found is not None
        assert found[1].password_hash == "one"  # noqa: S105

    async def test_login_that_began_before_a_change_opens_no_session(
        self, store: UserStore
    ) -> None:
        await store.add_user(stored_user())
        await store.set_password("a" * 32, "new", epoch=None, keep_session=None)
        assert not await store.add_session(stored_session(), 0)
        assert await store.add_session(stored_session(), 1)

    async def test_changes_and_logins_at_once_leave_no_old_session(self, store: UserStore) -> None:
        await store.add_user(stored_user())

        async def log_in(letter: str) -> None:
            await store.add_session(stored_session(letter), 0)

        async def change() -> None:
            await store.set_password("a" * 32, "new", epoch=None, keep_session=None)

        async with anyio.create_task_group() as group:
            for letter in "cdefgh":
                group.start_soon(log_in, letter)
            group.start_soon(change)
            for letter in "ijklmn":
                group.start_soon(log_in, letter)
        assert await store.sessions("a" * 32, 100) == []

    async def test_disabled_user_has_no_sessions_and_gets_none(self, store: UserStore) -> None:
        await store.add_user(stored_user())
        await store.add_session(stored_session("s"), 0)
        assert await store.set_disabled("a" * 32, NOW)
        assert await store.session("s" * 64) is None
        found = await store.user("a" * 32)
        assert found is not None
        assert found.user.disabled_at == moment(NOW)
        assert not await store.add_session(stored_session("t"), found.epoch)
        assert await store.set_disabled("a" * 32, None)
        assert not await store.set_disabled("b" * 32, NOW)

    async def test_session_of_nobody_is_not_added(self, store: UserStore) -> None:
        assert not await store.add_session(stored_session(), 0)

    async def test_session_comes_back_with_its_user(self, store: UserStore) -> None:
        await store.add_user(stored_user())
        await store.add_session(stored_session(), 0)
        assert await store.session("s" * 64) == (stored_session(), stored_user())
        assert await store.session("t" * 64) is None

    async def test_sessions_are_listed_by_last_use(self, store: UserStore) -> None:
        for letter in "ab":
            await store.add_user(stored_user(letter))
        for used, (letter, owner) in enumerate(SESSIONS):
            await store.add_session(stored_session(letter, of=owner, used=NOW + used), 0)
        of_a = await store.sessions("a" * 32, 10)
        assert [record.id[0] for record, _ in of_a] == ["t", "s"]
        of_all = await store.sessions(None, 2)
        assert [owner.user.username for _, owner in of_all] == ["b", "a"]

    async def test_dropped_session_is_gone_and_counted(self, store: UserStore) -> None:
        await store.add_user(stored_user())
        for letter in "stu":
            await store.add_session(stored_session(letter), 0)
        assert await store.drop_session("s" * 64)
        assert not await store.drop_session("s" * 64)
        assert await store.drop_sessions("a" * 32, keep_session="t" * 64) == 1
        assert [record.id[0] for record, _ in await store.sessions(None, 10)] == ["t"]

    async def test_last_use_never_moves_back(self, store: UserStore) -> None:
        await store.add_user(stored_user())
        await store.add_session(stored_session(), 0)
        await store.touch({"s" * 64: NOW + 50, "gone": NOW})
        await store.touch({"s" * 64: NOW + 10})
        found = await store.session("s" * 64)
        assert found is not None
        assert found[0].last_used_at == NOW + 50

    async def test_purge_forgets_the_expired_and_the_idle(self, store: UserStore) -> None:
        await store.add_user(stored_user())
        await store.add_session(replace(stored_session("s"), expires_at=NOW + 1), 0)
        await store.add_session(stored_session("t", used=NOW - 100), 0)
        await store.add_session(stored_session("u"), 0)
        assert await store.purge(NOW + 1, NOW - 100) == 2
        assert [record.id[0] for record, _ in await store.sessions(None, 10)] == ["u"]

    async def test_start_and_close_twice_are_once(self, store: UserStore) -> None:
        await store.add_user(stored_user())
        await store.start()
        assert await store.user("a" * 32) is not None
        await store.aclose()
        await store.aclose()

    async def test_store_answers_a_ping(self, store: UserStore) -> None:
        await store.ping()

"""Registering, finding, disabling; and what is refused at the door."""

from __future__ import annotations

import traceback

import anyio
import pytest

from mizzen.auth import (
    AlreadyRegistered,
    Auth,
    AuthError,
    InvalidEmail,
    InvalidInput,
    InvalidName,
    InvalidUsername,
    Refused,
    Session,
    TooManyAttempts,
    UnknownUser,
    WeakPassword,
    WrongPassword,
)
from mizzen.auth.testing import FrozenClock, cheap_hasher


def repr_short(value: object) -> str:
    """Name a case without its ten megabytes."""
    return ascii(value)[:20]


GOOD = "violet harbour at noon"
OTHER = "grey lighthouse at dusk"


async def test_registered_user_is_found_by_id_email_and_username(auth: Auth) -> None:
    ann = await auth.register(email="Ann@Example.org", username="Ann", password=GOOD, name="Ann A.")
    assert (ann.email, ann.username, ann.name) == ("Ann@example.org", "Ann", "Ann A.")
    assert await auth.user(ann.id) == ann
    assert await auth.find("ann@EXAMPLE.org") == ann
    assert await auth.find(" ANN ") == ann
    assert await auth.find("bob") is None
    assert await auth.users() == [ann]


async def test_email_alone_or_username_alone_is_enough(auth: Auth) -> None:
    await auth.register(email="a@b", password=GOOD)
    await auth.register(username="ann", password=GOOD)
    assert isinstance(await auth.login("a@b", GOOD), Session)
    assert isinstance(await auth.login("ann", GOOD), Session)
    with pytest.raises(AuthError, match="an email, a username, or both"):
        await auth.register(password=GOOD)


async def test_fifty_registrations_of_one_email_at_once_give_one_user(auth: Auth) -> None:
    outcomes: list[str] = []

    async def register(number: int) -> None:
        try:
            await auth.register(email="one@example.org", username=f"u{number}", password=GOOD)
            outcomes.append("user")
        except AlreadyRegistered as exc:
            outcomes.append(exc.field)

    async with anyio.create_task_group() as group:
        for number in range(50):
            group.start_soon(register, number)
    assert sorted(outcomes) == ["email"] * 49 + ["user"]
    assert len(await auth.users()) == 1


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Mike@Example.ORG", "mike@example.org"),
        ("mike@example.org", "mi\u212ae@example.org"),  # KELVIN SIGN, folded to k
        ("jos\u00e9@example.org", "jose\u0301@example.org"),  # composed or not
        ("a@b\u00fccher.example", "a@xn--bcher-kva.example"),
        ("ff@example.org", "\ufb00@example.org"),
    ],
)
async def test_one_mailbox_cannot_be_registered_twice_by_writing_it_differently(
    auth: Auth, first: str, second: str
) -> None:
    await auth.register(email=first, password=GOOD)
    with pytest.raises(AlreadyRegistered) as refused:
        await auth.register(email=second, password=GOOD)
    assert refused.value.field == "email"


async def test_dotless_i_does_not_stand_for_somebody_elses_mailbox(auth: Auth) -> None:
    """GitHub 2019: a reset asked for with a dotless i was mailed to somebody else."""
    await auth.register(email="git@example.org", password=GOOD)
    assert await auth.find("g\u0131t@example.org") is None


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Ann", "aNN"),
        ("paypal", "\u0440\u0430\u0443\u0440\u0430\u04cf"),  # all Cyrillic
        ("ann", "\uff41\uff4e\uff4e"),  # full width
        ("koa", "\u03ba\u03bf\u03b1"),  # all Greek
    ],
)
async def test_username_that_looks_like_another_is_taken(
    auth: Auth, first: str, second: str
) -> None:
    await auth.register(username=first, password=GOOD)
    with pytest.raises(AlreadyRegistered) as refused:
        await auth.register(username=second, password=GOOD)
    assert refused.value.field == "username"


async def test_username_in_two_alphabets_is_refused(auth: Auth) -> None:
    with pytest.raises(InvalidUsername, match="one alphabet"):
        await auth.register(username="p\u0430ypal", password=GOOD)


@pytest.mark.parametrize(
    "username", ["иван", "Ζωή", "山田たろう", "王小明", "नेहा", "안녕", "o.k-2_b"]
)
async def test_usernames_of_the_worlds_scripts_are_welcome(auth: Auth, username: str) -> None:
    await auth.register(username=username, password=GOOD)
    assert isinstance(await auth.login(username, GOOD), Session)


BAD_TEXT = ["", " ", "\0", "a\0b", "\ud800", "x" * 10_000_000, "a\u202eb", "a b", "a\nb"]


@pytest.mark.parametrize("text", [*BAD_TEXT, "-a", "a.", "a@b", "x" * 41], ids=repr_short)
async def test_username_that_cannot_be_used_is_refused(auth: Auth, text: str) -> None:
    with pytest.raises(InvalidUsername):
        await auth.register(username=text, password=GOOD)


@pytest.mark.parametrize(
    "text",
    [
        *(f"{bad}@example.org" for bad in BAD_TEXT),
        *(f"a@{bad}" for bad in BAD_TEXT),
        *("a", "a@b@c", ".a@b", "a..b@c", "<a>@b", "a@-b", "a@b..c", "a@b_c", f"{'x' * 65}@b"),
        f"a@{'b.' * 200}c",
    ],
    ids=repr_short,
)
async def test_email_that_cannot_be_used_is_refused(auth: Auth, text: str) -> None:
    with pytest.raises(InvalidEmail):
        await auth.register(email=text, password=GOOD)


@pytest.mark.parametrize("text", ["\0", "\ud800", "x" * 201, "a\u202eb"], ids=repr_short)
async def test_name_that_cannot_be_shown_is_refused(auth: Auth, text: str) -> None:
    with pytest.raises(InvalidName):
        await auth.register(username="ann", password=GOOD, name=text)


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("short", "short"),
        ("x" * 10_000_000, "long"),
        ("password123", "common"),
        ("PassWord123", "common"),
        ("aaaaaaaaaaaa", "common"),
        ("annabelle", "common"),  # the username
        ("ann.belle", "common"),  # the email's first part
        ("nul \0 in the middle", "unreadable"),
        ("half a pair \ud83d", "unreadable"),
    ],
    ids=repr_short,
)
async def test_weak_password_is_refused_before_hashing(
    auth: Auth, password: str, reason: str
) -> None:
    with pytest.raises(WeakPassword) as refused:
        await auth.register(email="ann.belle@b", username="annabelle", password=password)
    assert refused.value.reason == reason
    assert refused.value.field == "password"
    assert isinstance(refused.value, InvalidInput)
    assert auth.stats()["password_hashes_total"] == 0


@pytest.mark.parametrize("password", ["tiny-Zq!", "half a pair \ud83d", f"long-Zq!{'x' * 2000}"])
async def test_refused_password_appears_in_no_traceback(auth: Auth, password: str) -> None:
    with pytest.raises(AuthError) as refused:
        async with Auth(min_length=12) as strict:
            await strict.register(username="ann", password=password)
    assert password[:8] not in "".join(traceback.format_exception(refused.value))


async def test_password_typed_in_another_unicode_form_is_the_same(auth: Auth) -> None:
    await auth.register(username="ann", password="cr\u00e8me br\u00fbl\u00e9e, twice")
    composed = "cre\u0300me bru\u0302le\u0301e, twice"
    assert isinstance(await auth.login("ann", composed), Session)


async def test_own_blocklist_and_minimum_are_kept() -> None:
    async with Auth(hasher=cheap_hasher(), blocklist=["Mizzen2026"], min_length=10) as auth:
        for password in ("mizzen2026", "nine char"):
            with pytest.raises(WeakPassword):
                await auth.register(username="ann", password=password)


async def test_changed_password_replaces_the_old_and_ends_other_sessions(auth: Auth) -> None:
    ann = await auth.register(username="ann", password=GOOD)
    here, there = await auth.open_session(ann), await auth.open_session(ann)
    await auth.change_password(ann, current=GOOD, new=OTHER, keep=here)
    assert await auth.session(here.token) is not None
    assert await auth.session(there.token) is None
    assert isinstance(await auth.login("ann", GOOD), Refused)
    assert isinstance(await auth.login("ann", OTHER), Session)


@pytest.mark.parametrize("current", ["wrong", "\0", "\ud800", "x" * 10_000_000], ids=repr_short)
async def test_password_is_not_changed_by_who_does_not_know_it(auth: Auth, current: str) -> None:
    ann = await auth.register(username="ann", password=GOOD)
    session = await auth.open_session(ann)
    with pytest.raises(WrongPassword):
        await auth.change_password(ann, current=current, new=OTHER)
    assert await auth.session(session.token) is not None
    assert isinstance(await auth.login("ann", GOOD), Session)


async def test_current_password_cannot_be_guessed_through_a_stolen_session(
    auth: Auth, clock: FrozenClock
) -> None:
    ann = await auth.register(username="ann", password=GOOD)
    for _ in range(10):
        with pytest.raises(WrongPassword):
            await auth.change_password(ann, current="guess", new=OTHER)
    with pytest.raises(TooManyAttempts) as limited:
        await auth.change_password(ann, current=GOOD, new=OTHER)
    clock.advance(limited.value.retry_after)
    await auth.change_password(ann, current=GOOD, new=OTHER)


async def test_set_password_ends_every_session_and_forgives_failures(auth: Auth) -> None:
    ann = await auth.register(username="ann", password=GOOD)
    session = await auth.open_session(ann)
    for _ in range(11):
        await auth.login("ann", "forgotten")
    await auth.set_password(ann, OTHER)
    assert await auth.session(session.token) is None
    assert isinstance(await auth.login("ann", OTHER), Session)
    with pytest.raises(WeakPassword):
        await auth.set_password(ann, "short")


async def test_disabled_user_is_out_at_once_and_in_again_when_enabled(auth: Auth) -> None:
    ann = await auth.register(username="ann", password=GOOD)
    session = await auth.open_session(ann)
    await auth.disable(ann.id)
    assert await auth.session(session.token) is None
    assert await auth.login("ann", GOOD) == Refused("disabled")
    with pytest.raises(UnknownUser):
        await auth.open_session(ann)
    found = await auth.user(ann.id)
    assert found is not None
    assert found.disabled
    await auth.enable(ann)
    assert isinstance(await auth.login("ann", GOOD), Session)


@pytest.mark.parametrize("user_id", ["", "nobody", "\0" * 32, "\ud800" * 32, "é" * 32])
async def test_strange_user_ids_are_nobodys(auth: Auth, user_id: str) -> None:
    assert await auth.user(user_id) is None
    assert await auth.sessions(user_id) == []
    assert await auth.revoke_all(user_id) == 0
    with pytest.raises(UnknownUser):
        await auth.disable(user_id)

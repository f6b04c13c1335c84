"""Signed tokens: one purpose, a limited time, keys that can be replaced."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mizzen.auth import Auth, AuthError, ConfigurationError, ExpiredToken, InvalidToken

if TYPE_CHECKING:
    from collections.abc import Callable

    from mizzen.auth.testing import FrozenClock

OLD, NEW = "o" * 32, "n" * 32
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(data=JSON)
def test_what_was_signed_is_read_back(data: Any) -> None:
    tokens = Auth(secret=OLD).tokens
    token = tokens.sign("verify-email", data)
    assert tokens.read("verify-email", token) == data
    assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")


@given(text=st.text(max_size=100))
def test_what_was_not_signed_is_refused(text: str) -> None:
    with pytest.raises(InvalidToken):
        Auth(secret=OLD).tokens.read("verify-email", text)


def test_token_for_one_purpose_is_worth_nothing_for_another() -> None:
    tokens = Auth(secret=OLD).tokens
    token = tokens.sign("verify-email", "ann")
    with pytest.raises(InvalidToken, match="reset-password"):
        tokens.read("reset-password", token)


def test_altered_token_is_refused() -> None:
    tokens = Auth(secret=OLD).tokens
    token = tokens.sign("invite", {"role": "reader"})
    for place in range(len(token)):
        letter = "A" if token[place] != "A" else "B"
        altered = token[:place] + letter + token[place + 1 :]
        try:
            assert tokens.read("invite", altered) == {"role": "reader"}  # unused bits of base64
        except InvalidToken:
            continue
        assert place == len(token) - 1


def test_token_expires(clock: FrozenClock) -> None:
    tokens = Auth(secret=OLD, clock=clock).tokens
    token = tokens.sign("verify-email", "ann", ttl="1h")
    clock.advance(3599)
    assert tokens.read("verify-email", token) == "ann"
    clock.advance(1)
    with pytest.raises(ExpiredToken):
        tokens.read("verify-email", token)


def test_old_key_still_reads_and_new_key_signs() -> None:
    before = Auth(secret=OLD).tokens.sign("invite", 1)
    rotated = Auth(secret=[NEW, OLD]).tokens
    assert rotated.read("invite", before) == 1
    after = rotated.sign("invite", 2)
    assert Auth(secret=NEW).tokens.read("invite", after) == 2
    with pytest.raises(InvalidToken):
        Auth(secret=OLD).tokens.read("invite", after)
    with pytest.raises(InvalidToken):
        Auth(secret=NEW).tokens.read("invite", before)


def test_signature_is_sha256() -> None:
    signature = Auth(secret=OLD).tokens.sign("invite", 1).rpartition(".")[2]
    assert len(signature) == 43  # 32 bytes in base64


async def test_secret_made_by_the_store_is_the_same_for_the_next_process(
    open_auth: Callable[[], Auth],
) -> None:
    async with open_auth() as first:
        token = first.tokens.sign("invite", "ann")
    async with open_auth() as second:
        assert second.tokens.read("invite", token) == "ann"


def test_without_a_secret_tokens_wait_for_the_start() -> None:
    with pytest.raises(AuthError, match=r"await auth\.start"):
        Auth().tokens.sign("invite", 1)


def test_short_secret_is_refused_without_being_repeated() -> None:
    with pytest.raises(ConfigurationError) as refused:
        Auth(secret="hunter2")
    assert "hunter2" not in str(refused.value)


def test_what_cannot_be_signed_says_so() -> None:
    tokens = Auth(secret=OLD).tokens
    with pytest.raises(AuthError, match="JSON"):
        tokens.sign("invite", object())
    with pytest.raises(AuthError, match="sign an id instead"):
        tokens.sign("invite", [f"{n}" for n in range(100_000)])
    with pytest.raises(ConfigurationError, match="purpose"):
        tokens.sign("", 1)
    with pytest.raises(ConfigurationError, match="duration"):
        tokens.sign("invite", 1, ttl="soon")
    with pytest.raises(InvalidToken):
        tokens.read("invite", "x" * 10_000_000)


@pytest.mark.extra("psycopg")
def test_secrets_are_in_no_repr() -> None:
    auth = Auth("postgresql://ann:hunter2@db/app?password=hunter3", secret=OLD)
    shown = f"{auth!r}{auth._repr_html_()}{auth.tokens!r}{auth.view()!r}"
    assert not any(secret in shown for secret in (OLD, "hunter2", "hunter3"))

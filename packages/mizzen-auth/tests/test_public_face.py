"""What is public is what `__all__` says, and says so in its repr and its pickle."""

from __future__ import annotations

import inspect
import pickle

import mizzen.auth
from mizzen.auth import AlreadyRegistered, AuthError, Refused, TooManyAttempts, WeakPassword


def test_all_matches_what_is_public() -> None:
    public = {
        name
        for name, value in vars(mizzen.auth).items()
        if not name.startswith("_") and not inspect.ismodule(value)
    }
    assert public == set(mizzen.auth.__all__)
    assert sorted(mizzen.auth.__all__) == mizzen.auth.__all__


def test_public_names_show_their_public_path() -> None:
    for name in mizzen.auth.__all__:
        assert getattr(mizzen.auth, name).__module__ == "mizzen.auth"


def test_every_error_has_the_one_base() -> None:
    for name in mizzen.auth.__all__:
        value = getattr(mizzen.auth, name)
        if issubclass(value, BaseException):
            assert issubclass(value, AuthError)


def test_errors_and_outcomes_survive_pickling() -> None:
    for error in (
        AlreadyRegistered("That email is already registered.", field="email"),
        WeakPassword("Too short.", reason="short"),
        TooManyAttempts("Later.", retry_after=9.0),
    ):
        copy = pickle.loads(pickle.dumps(error))
        assert type(copy) is type(error)
        assert (str(copy), vars(copy)) == (str(error), vars(error))
    refused = Refused("too-many-attempts", retry_after=9.0)
    assert pickle.loads(pickle.dumps(refused)) == refused

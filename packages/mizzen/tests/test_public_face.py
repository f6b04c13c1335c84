"""What `mizzen.app` offers is what it names."""

from __future__ import annotations

import pickle

import pytest

import mizzen.app


def test_every_public_name_shows_its_public_path() -> None:
    for name in mizzen.app.__all__:
        assert getattr(mizzen.app, name).__module__ == "mizzen.app"


def test_nothing_public_is_left_out_of_all() -> None:
    public = {
        name
        for name, value in vars(mizzen.app).items()
        if not name.startswith("_") and getattr(value, "__module__", "") == "mizzen.app"
    }
    assert public == set(mizzen.app.__all__)


@pytest.mark.parametrize("name", ["AppError", "ConfigError", "NotStarted", "StartFailed"])
def test_errors_survive_pickling(name: str) -> None:
    error = pickle.loads(pickle.dumps(getattr(mizzen.app, name)("why")))
    assert (type(error).__name__, str(error)) == (name, "why")

"""One file, typed, with the environment on top; every mistake is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mizzen.app import App, ConfigError, load_settings

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "shop.toml"


def test_a_file_sets_what_it_names_and_leaves_the_rest(file: Path) -> None:
    file.write_text('[db]\nurl = "sqlite:///shop.db"\n[custom]\ncolour = "red"\n')
    settings = load_settings(file, name="shop", environ={})
    assert settings.db is not None
    assert settings.db.url == "sqlite:///shop.db"
    assert settings.server.port == 8000
    assert settings.custom == {"colour": "red"}
    assert settings.queue is None


def test_the_environment_overrides_the_file_with_the_right_types(file: Path) -> None:
    file.write_text("[server]\nport = 1\n")
    environ = {
        "MY_SHOP_SERVER__PORT": "9000",
        "MY_SHOP_CACHE__TIERS": "memory:,sqlite:///c.db",
        "OTHER_SERVER__PORT": "1",
    }
    settings = load_settings(file, name="my-shop", environ=environ)
    assert settings.server.port == 9000
    assert settings.cache is not None
    assert settings.cache.tiers == ["memory:", "sqlite:///c.db"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[databse]\nurl = 1", "`databse` is not a setting of the top level"),
        ("[queue]\nworker = 4", r"`worker` is not a setting of \[queue\]; did you mean `workers`"),
        ("[server]\nport = 'http'", "Expected `int`, got `str` - at `server.port`"),
        ("[server\nport = 1", "line 1"),
    ],
)
def test_a_mistake_is_named_with_its_file(file: Path, text: str, complaint: str) -> None:
    file.write_text(text)
    with pytest.raises(ConfigError, match=complaint) as raised:
        load_settings(file, environ={})
    assert str(file) in str(raised.value)


def test_a_missing_file_is_said_to_be_missing(file: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such file"):
        App(config=file)


def test_relative_databases_lie_in_the_data_folder(file: Path, tmp_path: Path) -> None:
    file.write_text("[queue]\n[auth]\n")
    app = App("shop", config=file, data=tmp_path / "data")
    assert str(tmp_path / "data" / "shop.db") in repr(app.queue)
    assert str(tmp_path / "data" / "shop.db") in repr(app.auth)


def test_what_is_neither_configured_nor_used_is_not_there() -> None:
    app = App()
    assert app.components == {}
    assert app.cache is app["cache"]
    assert list(app.components) == ["cache"]

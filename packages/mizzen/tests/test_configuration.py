"""One file, typed, with the environment on top; every mistake is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mizzen.app import App, ConfigError, StartFailed, load_settings

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


def test_the_environment_does_not_excuse_a_wrong_type_in_the_file(file: Path) -> None:
    file.write_text("[server]\nport = '9000'\n")
    with pytest.raises(ConfigError, match="Expected `int`"):
        load_settings(file, name="shop", environ={"SHOP_SERVER__HOST": "localhost"})


def test_a_mistake_in_the_environment_is_the_environments(file: Path) -> None:
    file.write_text("[server]\nport = 9000\n")
    with pytest.raises(ConfigError, match=r"the environment \(SHOP_SERVER__PORT\)") as raised:
        load_settings(file, name="shop", environ={"SHOP_SERVER__PORT": "http"})
    assert str(file) not in str(raised.value)


def test_a_value_where_a_section_belongs_is_said_so_whatever_the_environment(file: Path) -> None:
    file.write_text("server = 3\n")
    with pytest.raises(ConfigError, match="Expected `object`, got `int` - at `server`"):
        load_settings(file, name="shop", environ={"SHOP_SERVER__PORT": "1"})


@pytest.mark.parametrize(("written", "meant"), [("'1m'", 60.0), ("2", 2.0), ("'500ms'", 0.5)])
def test_a_duration_is_written_as_people_write_it(file: Path, written: str, meant: float) -> None:
    file.write_text(f"[app]\nstop_within = {written}\n")
    assert load_settings(file, environ={}).app.stop_within == meant
    environ = {"SHOP_APP__STOP_WITHIN": written.strip("'")}
    assert load_settings(name="shop", environ=environ).app.stop_within == meant


def test_what_is_no_duration_is_named(file: Path) -> None:
    file.write_text("[app]\nstop_within = 'soon'\n")
    with pytest.raises(ConfigError, match=r"'soon' is not a duration .* at `app\.stop_within`"):
        load_settings(file, environ={})


async def test_the_data_folder_is_made_at_the_start(tmp_path: Path) -> None:
    app = App("shop", data=tmp_path / "not" / "yet")
    _ = app.db
    async with app:
        assert (await app.health())["ok"] is True
    assert (tmp_path / "not" / "yet" / "shop.db").is_file()


async def test_a_data_folder_that_cannot_be_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    app = App("shop", data=tmp_path / "file" / "data")
    _ = app.db
    with pytest.raises(StartFailed, match=r"the data folder .*file/data can't be made"):
        await app.start()

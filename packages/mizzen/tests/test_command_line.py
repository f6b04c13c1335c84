"""The `mizzen` command: what it prints, and how it ends."""

from __future__ import annotations

import re
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING

import pytest

from mizzen.app.cli import main

if TYPE_CHECKING:
    from pathlib import Path

SHOP = """
from mizzen.app import App

app = App("shop", config="shop.toml")

@app.web.get("/items/{id}", name="item")
async def item(id: int) -> str:
    return str(id)
"""


@pytest.fixture(autouse=True)
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Stand in a folder with an app in a module that no other test has imported."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    name = f"shop_{abs(hash(tmp_path))}"
    (tmp_path / f"{name}.py").write_text(SHOP)
    (tmp_path / "shop.toml").write_text(
        '[auth]\nsecret = "hush"\n[db]\nurl = "postgresql://me:pass@host/db"\n'
    )
    return name


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(command in text for command in ("server", "worker", "db", "routes", "config"))


def test_no_command_is_a_misuse() -> None:
    assert main([]) == 2


def test_an_unknown_command_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sevrer"]) == 2
    assert "there is no command `sevrer`" in capsys.readouterr().err


def test_routes_are_listed(shop: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["routes", shop]) == 0
    assert "GET     /items/{id}" in capsys.readouterr().out


def test_config_masks_secrets_and_passwords(shop: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", f"{shop}:app"]) == 0
    text = capsys.readouterr().out
    assert "hush" not in text
    assert "pass@" not in text
    assert "postgresql://me:***@host/db" in text


@pytest.mark.parametrize(
    ("reference", "complaint"),
    [("nothing_here", "there is no module"), ("json:app", "has no App called `app`")],
)
def test_a_wrong_reference_is_a_sentence_and_not_a_traceback(
    reference: str, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["routes", reference]) == 1
    assert complaint in capsys.readouterr().err


def test_config_shows_nothing_below_the_name_of_a_secret(
    shop: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (tmp_path / "shop.toml").open("a") as file:
        file.write('[custom.secrets]\nstripe = "sk_live"\n[custom.mail]\nuser = "ann"\n')
    assert main(["config", shop]) == 0
    text = capsys.readouterr().out
    assert "sk_live" not in text
    assert '"user": "ann"' in text


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"mizzen {version('mizzen')}\n"


def test_an_error_of_the_apps_own_module_says_how_to_find_it(
    shop: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / f"broken_{shop}.py").write_text("1 / 0\n")
    assert main(["routes", f"broken_{shop}"]) == 1
    expected = "mizzen routes: ZeroDivisionError: division by zero  (--traceback shows where)\n"
    assert capsys.readouterr().err == expected
    with pytest.raises(ZeroDivisionError):
        main(["routes", f"broken_{shop}", "--traceback"])


MODELS = """
from mizzen.app import App
from mizzen.orm import Model

app = App("store", config="store.toml")

class {name}(Model):
    item: str
"""


def test_migrations_are_made_applied_and_taken_back(
    shop: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "store.toml").write_text('[db]\nmigrations = "migrations"\n')
    (tmp_path / f"store_{shop}.py").write_text(MODELS.format(name="Barrel"))

    def db(*words: str) -> str:
        assert main(["db", f"store_{shop}", *words]) == 0, capsys.readouterr().err
        return capsys.readouterr().out

    assert db("make", "barrels and more").startswith("made ")
    assert re.fullmatch(r"pending   \d{14}  barrels and more\n", db("status"))
    assert re.fullmatch(r"applied   \d{14}  barrels and more\n", db("up"))
    assert db("up") == "every migration is applied already\n"
    assert db("make") == "the models and the migrations say the same; nothing to make\n"
    assert db("down").startswith("pending ")
    assert db("down") == "no migration is applied; there is nothing to take back\n"


def test_db_without_a_folder_for_migrations_says_where_to_set_it(
    shop: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["db", shop, "up"]) == 1
    assert "set `migrations` in [db]" in capsys.readouterr().err

"""The `mizzen` command: what it prints, and how it ends."""

from __future__ import annotations

import sys
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

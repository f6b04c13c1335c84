"""`mizzen-orm migrate …`, as it is typed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from mizzen.orm._command import main
from mizzen.orm.testing import scratch_models

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

MODELS = """
from mizzen.orm import Field, Model
class Gadget(Model):
    {name}: str = Field(max_length=40)
"""


class Shell:
    """A folder to type commands in."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capsys = folder, capsys
        self.error = ""

    def models(self, name: str) -> None:
        sys.modules.pop("gadgets", None)
        (self.folder / "gadgets.py").write_text(MODELS.format(name=name))
        # Two versions within one second have the same time in the cache of compiled files.
        for cached in self.folder.glob("__pycache__/gadgets*"):
            cached.unlink()

    def __call__(self, *words: str, code: int = 0) -> str:
        assert main(["migrate", *words]) == code
        said = self._capsys.readouterr()
        self.error = said.err
        return said.out


@pytest.fixture
def shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Generator[Shell]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/app.db")
    monkeypatch.setattr(sys, "path", [*sys.path])
    with scratch_models():
        yield Shell(tmp_path, capsys)
    sys.modules.pop("gadgets", None)


def test_a_life_of_migrations(shell: Shell) -> None:
    shell.models("title")
    assert "made " in shell("make", "first tables", "--models", "gadgets")
    assert "pending " in shell("status")
    assert "first tables" in (sql := shell("sql"))
    assert "CREATE TABLE gadgets" in sql
    assert "applied " in shell("up")
    assert "nothing to make" in shell("make", "again", "--models", "gadgets")
    assert "every migration is applied already" in shell("up")
    with scratch_models():
        shell.models("name")
        shell("make", "renamed", "--rename", "gadgets.title=name", "--models", "gadgets")
    assert shell("up").count("applied ") == 1
    assert shell("redo").count("applied ") == 1
    assert shell("history").count("applied ") == 2
    first, second = (path.name[:14] for path in sorted(shell.folder.glob("migrations/*.py")))
    assert "made " in shell("squash", first, second)
    assert shell("status").count("applied ") == 1
    assert "pending " in shell("down", "--to", "base")
    assert "nothing to take back" in shell("down")
    assert "no migration is applied" in shell("history")


def test_the_lint_fails_for_errors_and_strictly_for_warnings(shell: Shell) -> None:
    shell.models("title")
    shell("make", "first", "--models", "gadgets")
    assert "nothing found" in shell("lint")
    shell("up")
    made = shell("make", "drops", "--empty").split()[-1]
    path = shell.folder / made
    path.write_text(path.read_text().replace("    pass", "    op.drop_table('gadgets')", 1))
    said = shell("lint", "--pending", "--strict", "--models", "gadgets", code=1)
    assert f"{made}:" in said.replace(f"{shell.folder}/", "")
    assert "[drop-" in said


def test_errors_are_sentences(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    shell("status", code=1)
    assert shell.error.startswith("error: there is no folder migrations")
    shell("make", "x", "--models", "no_such_module", code=2)
    assert "no_such_module" in shell.error
    monkeypatch.delenv("DATABASE_URL")
    shell("up", code=1)
    assert "--url, or set DATABASE_URL" in shell.error
    with pytest.raises(SystemExit) as ended:
        shell("make", "x", "--rename", "nonsense")
    assert ended.value.code == 2


def test_branches_are_merged(shell: Shell) -> None:
    shell("make", "one", "--empty")
    shell("up")
    shell("make", "two", "--empty")
    two = next(shell.folder.glob("migrations/*_two.py"))
    branch = two.read_text().replace(two.name[:14], "99990101000000")
    (two.parent / "99990101000000_other.py").write_text(branch)
    shell("up", code=1)
    assert "two branches end here" in shell.error
    assert "made " in shell("merge")
    assert shell("up").count("applied ") == 3
    assert "nothing to merge" in shell("merge")

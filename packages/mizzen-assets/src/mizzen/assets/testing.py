"""What every compiler promises, as tests to inherit; and a double for tests of pages."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from ._errors import BuildStopped, SourceError
from ._tags import HTML
from .abc import Product, Tool, Work

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["FakeAssets", "ToolContract"]


class FakeAssets:
    """Names assets without building any: `url("app.css")` is "/assets/app.css"."""

    def __init__(self, prefix: str = "/assets/") -> None:
        self.prefix = prefix

    def url(self, name: str) -> str:
        """Return the address of any name."""
        return self.prefix + name

    def tag(self, name: str, **attributes: object) -> HTML:
        """Return a comment that names the asset."""
        return HTML(f"<!-- {name} -->")

    def preload(self, name: str, **attributes: object) -> HTML:
        """Return a comment that names the asset."""
        return HTML(f"<!-- preload {name} -->")


class ToolContract:
    """Subclass, give a `tool` fixture, and write down what the tool compiles."""

    source: str
    """The name of a source file, such as `entry.scss`."""
    valid: str
    """Its content, which needs the file `part_name`."""
    part_name: str
    part: str
    changed_part: str
    """Content of the part that leads to another result."""
    mistake: str
    """Content with a mistake on the second line."""
    endless: str | None = None
    """Content that never ends to compile, if the language has such."""

    @pytest.fixture
    def tool(self) -> Tool:
        """Return a fresh tool."""
        raise NotImplementedError

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        (tmp_path / self.source).write_text(self.valid)
        (tmp_path / self.part_name).write_text(self.part)
        return tmp_path

    def work(self, folder: Path, timeout: float = 20) -> Work:
        return Work(folder / self.source, "made.out", folder, timeout=timeout)

    def made(self, tool: Tool, folder: Path) -> Product:
        return tool.compile(self.work(folder), threading.Event()).products[0]

    def test_version_is_known(self, tool: Tool) -> None:
        assert tool.version() not in ("", "missing")

    def test_result_has_the_name_asked_for(self, tool: Tool, folder: Path) -> None:
        assert self.made(tool, folder).name == "made.out"

    def test_equal_sources_give_equal_bytes(self, tool: Tool, folder: Path) -> None:
        assert self.made(tool, folder).body == self.made(tool, folder).body

    def test_every_file_read_is_told(self, tool: Tool, folder: Path) -> None:
        compiled = tool.compile(self.work(folder), threading.Event())
        assert set(compiled.read) == {folder / self.source, folder / self.part_name}

    def test_change_of_a_part_changes_the_result(self, tool: Tool, folder: Path) -> None:
        before = self.made(tool, folder).body
        (folder / self.part_name).write_text(self.changed_part)
        assert self.made(tool, folder).body != before

    def test_mistake_is_told_with_file_line_and_column(self, tool: Tool, folder: Path) -> None:
        (folder / self.source).write_text(self.mistake)
        with pytest.raises(SourceError) as caught:
            self.made(tool, folder)
        assert (caught.value.file, caught.value.line) == (self.source, 2)
        assert caught.value.column

    def test_works_again_after_a_mistake(self, tool: Tool, folder: Path) -> None:
        (folder / self.source).write_text(self.mistake)
        with pytest.raises(SourceError):
            self.made(tool, folder)
        (folder / self.source).write_text(self.valid)
        assert self.made(tool, folder).body

    def test_works_again_after_being_closed(self, tool: Tool, folder: Path) -> None:
        before = self.made(tool, folder).body
        tool.close()
        tool.close()
        assert self.made(tool, folder).body == before

    def test_stopped_build_ends_the_tool(self, tool: Tool, folder: Path) -> None:
        if self.endless is None:
            return
        (folder / self.source).write_text(self.endless)
        stop = threading.Event()
        threading.Timer(0.3, stop.set).start()
        with pytest.raises(BuildStopped):
            tool.compile(self.work(folder), stop)

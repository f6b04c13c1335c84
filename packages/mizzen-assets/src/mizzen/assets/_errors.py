"""What can go wrong, by what the caller can do about it."""

from __future__ import annotations

from typing import Any


class AssetsError(Exception):
    """Base of every error this package raises on purpose."""


class NotStarted(AssetsError):
    """No manifest is loaded yet: call `await assets.start()` or `await assets.build()`."""


class UnknownAsset(AssetsError, LookupError):
    """The manifest has no asset of this name: fix the name, or build again."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class ManifestError(AssetsError):
    """There is no manifest that can be read: build first."""


class OutputError(AssetsError):
    """The output folder cannot be written: free space, or correct its permissions."""


class BuildBusy(AssetsError):
    """Another build holds the output folder for too long: try again."""


class BuildStopped(AssetsError):
    """The build was given up because its caller was cancelled or closed."""


class ToolMissing(AssetsError):
    """The library that compiles this kind of file is not installed."""


class ToolFailed(AssetsError):
    """A compiler crashed or hung; the files built before are still there."""


class SourceError(AssetsError):
    """A source file has a mistake: `file`, `line` and `column` (from 1) say where.

    `file` is relative to the source folder where it can be; line and column are None when
    the compiler did not say. `tool` is the compiler that refused.
    """

    def __init__(
        self,
        message: str,
        file: str,
        line: int | None = None,
        column: int | None = None,
        tool: str = "",
    ) -> None:
        super().__init__(message, file, line, column, tool)
        self.message: str = message
        self.file: str = file
        self.line: int | None = line
        self.column: int | None = column
        self.tool: str = tool

    def __str__(self) -> str:
        where = ":".join(str(part) for part in (self.file, self.line, self.column) if part)
        return f"{where}: {self.message}" + (f" [{self.tool}]" if self.tool else "")

    def __reduce__(self) -> tuple[Any, ...]:
        """Survive pickling with every field."""
        return type(self), (self.message, self.file, self.line, self.column, self.tool)


class BrokenReference(SourceError):
    """A stylesheet names a file that is not among the assets."""

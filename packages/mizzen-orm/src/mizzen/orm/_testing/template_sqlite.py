"""SQLite: the template is a file, which is copied."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import anyio.to_thread

try:
    import fcntl
except ImportError:  # Windows: each process makes its own
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


class SQLiteTemplates:
    """Copies of one file, which nobody has open once it is made."""

    def __init__(self, name: str, prepare: Callable[[str], Awaitable[None]]) -> None:
        self._prepare = prepare
        alone = f"_{os.getpid()}" if fcntl is None else ""
        self._folder = Path(tempfile.gettempdir()) / f"{name}_{os.getuid()}{alone}"
        self._clones: Path | None = None
        self._using: int | None = None

    async def start(self) -> None:
        """Make the template, unless another process has."""
        self._clones = Path(await anyio.to_thread.run_sync(tempfile.mkdtemp, "", "mizzen-orm-"))
        making = await anyio.to_thread.run_sync(self._taken)
        try:
            self._using = self._opened("users")
            _lock(self._using, shared=True)
            if not self._file.exists():
                draft = self._folder / "draft.db"
                await self._prepare(f"sqlite:///{draft}")
                draft.rename(self._file)  # closed: its journal was written back
        finally:
            os.close(making)

    async def clone(self, name: str) -> str:
        """Return the URL of a new copy."""
        file = self._clone(name)
        await anyio.to_thread.run_sync(shutil.copyfile, self._file, file)
        return f"sqlite:///{file}"

    async def drop(self, name: str) -> None:
        """Remove a copy."""
        for file in self._clone(name).parent.glob(f"{name}.db*"):
            file.unlink(missing_ok=True)

    async def close(self) -> None:
        """Remove the template when no other process uses it."""
        if self._clones is not None:
            await anyio.to_thread.run_sync(shutil.rmtree, self._clones, True)
        if self._using is not None:
            making = await anyio.to_thread.run_sync(self._taken)
            try:
                using, self._using = self._using, None
                if _is_last(using):
                    await anyio.to_thread.run_sync(shutil.rmtree, self._folder, True)
            finally:
                os.close(making)

    @property
    def _file(self) -> Path:
        return self._folder / "template.db"

    def _clone(self, name: str) -> Path:
        assert self._clones is not None  # noqa: S101  (made by `start`)
        return self._clones / f"{name}.db"

    def _opened(self, name: str) -> int:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        return os.open(self._folder / name, os.O_RDWR | os.O_CREAT, 0o600)

    def _taken(self) -> int:
        """Wait for the turn to make or remove the template; closing the descriptor ends it."""
        while True:
            turn = self._opened("turn")
            _lock(turn, shared=False)
            try:
                if os.path.samestat(os.fstat(turn), os.stat(self._folder / "turn")):
                    return turn
            except FileNotFoundError:
                pass  # the last process of before has just removed the folder: make it again
            os.close(turn)


def _lock(descriptor: int, *, shared: bool) -> None:
    if fcntl is not None:
        fcntl.flock(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)


def _is_last(using: int) -> bool:
    """Use the template no more; return whether nobody else does."""
    try:
        if fcntl is not None:
            fcntl.flock(using, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(using)
    return True

"""Which line of the user's program asked for a statement."""

from __future__ import annotations

import asyncio
import os
import sys
import sysconfig
from contextvars import ContextVar
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType


class Caller:
    """Another thread's call, which waits for what runs here; `left()` when it is over."""

    def __init__(self) -> None:
        self.frame: FrameType | None = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]

    def left(self) -> None:
        """Let go of the stack."""
        self.frame = None


# Where nobody stands on this stack: the thread's call, or the task, that waits for what runs here.
waiting_caller: ContextVar[Caller | None] = ContextVar("mizzen_orm_waiting_caller", default=None)
waiting_task: ContextVar[asyncio.Task[Any] | None] = ContextVar(
    "mizzen_orm_waiting_task", default=None
)

# Which relation is being loaded, such as "Note.owner".
loading: ContextVar[str | None] = ContextVar("mizzen_orm_loading", default=None)

_LOOPS = tuple(
    os.path.join("asyncio", name) for name in ("events.py", "base_events.py", "runners.py")
)
_MIZZEN = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))) + os.sep
_OTHERS = tuple(
    {
        folder + os.sep
        for name, folder in sysconfig.get_paths().items()
        if name in {"stdlib", "platstdlib", "purelib", "platlib"}
    }
)


def source() -> str | None:
    """Return the innermost line outside of mizzen, SQLAlchemy and installed packages."""
    found = line()
    return None if found is None else f"{shown(found[0])}:{found[1]}"


def line() -> tuple[str, int] | None:
    """Return its file and number."""
    for frame in _frames():
        ours = str(frame.f_globals.get("__name__")).startswith("mizzen.")
        if not ours and is_yours(frame.f_code.co_filename):
            return frame.f_code.co_filename, frame.f_lineno
    return None


@lru_cache(4096)
def is_yours(file: str) -> bool:
    """Return whether *file* belongs to the program, or a cell, and not to a library."""
    if file.startswith("<"):
        return file.startswith(("<ipython", "<stdin", "<string", "<console"))
    path = os.path.abspath(file)
    if f"{os.sep}site-packages{os.sep}" in path or f"{os.sep}dist-packages{os.sep}" in path:
        return False
    return not path.startswith((_MIZZEN, *_OTHERS))


def shown(file: str) -> str:
    """Return *file* as people know it: a cell's number, a path below this folder, or its name."""
    cell = _cell(file)
    if cell is not None:
        return cell
    here = os.getcwd() + os.sep
    return file.removeprefix(here) if file.startswith(here) else os.path.basename(file)


def _cell(file: str) -> str | None:
    interactive: Any = sys.modules.get("IPython")
    shell: Any = interactive.get_ipython() if interactive is not None else None
    if shell is None:
        return None
    format_name: Any = getattr(shell.compile, "format_code_name", None)
    named: Any = format_name(file) if format_name is not None else None
    return None if named is None else str(named[1])


def _frames() -> Iterator[FrameType]:
    yield from _outwards(sys._getframe(2))  # pyright: ignore[reportPrivateUsage]
    # SQLAlchemy's synchronous half runs in a greenlet, whose caller is suspended beside it.
    greenlets: Any = sys.modules.get("greenlet")
    above: Any = greenlets.getcurrent().parent if greenlets is not None else None
    while above is not None:
        yield from _outwards(above.gr_frame)
        above = above.parent
    for task in (waiting_task.get(), _waiting_for(_current_task())):
        if task is not None and not task.done():
            yield from reversed(list(_awaiting(task.get_coro())))
    caller = waiting_caller.get()
    if caller is not None:
        yield from _outwards(caller.frame)


def _outwards(frame: FrameType | None) -> Iterator[FrameType]:
    # Below the event loop stands who runs it, and asked for nothing.
    while frame is not None and not frame.f_code.co_filename.endswith(_LOOPS):
        yield frame
        frame = frame.f_back


def _current_task() -> asyncio.Task[Any] | None:
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None


def _waiting_for(task: Any) -> asyncio.Task[Any] | None:
    """Return the task that waits for *task* in a TaskGroup or in `gather`, as far as they tell."""
    if task is None:
        return None
    for callback, _context in getattr(task, "_callbacks", None) or ():
        parent = getattr(getattr(callback, "__self__", None), "_parent_task", None)
        if parent is not None:
            return cast("asyncio.Task[Any]", parent)
    for other in asyncio.all_tasks():
        if task in getattr(getattr(other, "_fut_waiter", None), "_children", ()):
            return other
    return None


def _awaiting(coroutine: Any) -> Iterator[FrameType]:
    """Give the frames of a suspended coroutine and of what it awaits, the outermost first."""
    while coroutine is not None:
        frame = getattr(coroutine, "cr_frame", None) or getattr(coroutine, "gi_frame", None)
        if frame is None:
            return
        yield frame
        coroutine = getattr(coroutine, "cr_await", None) or getattr(coroutine, "gi_yieldfrom", None)

"""Progress bars of jobs in a terminal: by rich where it is installed, and in plain text."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from typing import TYPE_CHECKING, Any, Protocol, TextIO

if TYPE_CHECKING:
    from ._following import Following, Line

_MOST_JOBS = 8
_WIDTH = 24


class Bars(Protocol):
    """Something that shows how far jobs are."""

    def show(self, following: Following) -> None:
        """Show it now."""
        ...

    def close(self) -> None:
        """Leave what was shown last, and the terminal as it was."""
        ...


def open_bars(file: TextIO | None = None) -> Bars:
    """The best bars that *file*, by default stderr, can show."""
    target: TextIO = sys.stderr if file is None else file
    if not target.isatty():
        return Log(target)
    if importlib.util.find_spec("rich") is not None:
        return RichBars(target)
    return PlainBar(target)


class Log:
    """For a file: one line whenever another tenth of the jobs has ended."""

    def __init__(self, file: TextIO) -> None:
        self._file, self._told = file, -1

    def show(self, following: Following) -> None:
        """Write a line if there is news."""
        tenths = 10 * following.ended // max(1, following.total)
        if tenths > self._told:
            self._told = tenths
            self._file.write(plain_line(following) + "\n")
            self._file.flush()

    def close(self) -> None:
        """Nothing is left to do."""


class PlainBar:
    """For a terminal: one line that is written again."""

    def __init__(self, file: TextIO) -> None:
        self._file, self._length = file, 0

    def show(self, following: Following) -> None:
        """Write the line over the one before."""
        line = plain_line(following)
        self._file.write("\r" + line.ljust(self._length))
        self._file.flush()
        self._length = len(line)

    def close(self) -> None:
        """Go on below it."""
        self._file.write("\n")
        self._file.flush()


class RichBars:
    """For a terminal, with rich: a bar for all jobs, and one for each that is running."""

    def __init__(self, file: TextIO) -> None:
        # Untyped: the only place that touches it.
        progress: Any = importlib.import_module("rich.progress")
        console: Any = importlib.import_module("rich.console")
        self._progress: Any = progress.Progress(
            progress.TextColumn("{task.description}", markup=False),
            progress.BarColumn(),
            progress.TaskProgressColumn(),
            progress.TextColumn("{task.fields[words]}", markup=False),
            progress.TimeElapsedColumn(),
            console=console.Console(file=file),
        )
        self._tasks: dict[int | None, Any] = {}
        self._progress.start()

    def show(self, following: Following) -> None:
        """Update the bars, and take away those of jobs that have ended."""
        lines = following.lines(_MOST_JOBS)
        if following.total != 1:
            failed = f"{following.failed} failed" if following.failed else ""
            self._bar(None, "jobs", following.ended, following.total, failed)
        for line in lines:
            fraction = line.fraction
            total = None if fraction is None and not line.has_ended else 1.0
            self._bar(line.id, name(line), fraction or 0.0, total, clean(line.words))
        for id in self._tasks.keys() - {line.id for line in lines} - {None}:
            self._progress.remove_task(self._tasks.pop(id))

    def _bar(
        self, key: int | None, text: str, done: float, total: float | None, words: str
    ) -> None:
        if key not in self._tasks:
            self._tasks[key] = self._progress.add_task(text, total=total, words=words)
        self._progress.update(self._tasks[key], completed=done, total=total, words=words)

    def close(self) -> None:
        """Draw a last time."""
        self._progress.stop()


def plain_line(following: Following) -> str:
    """`export 7:  42%|██████████▏             | 420/1000 exporting [3s]`."""
    lines = following.lines(1)
    if following.total == 1:
        fraction, words = (lines[0].fraction, lines[0].words) if lines else (None, "queued")
        what = name(lines[0]) if lines else "job"
    else:
        what, fraction = "jobs", following.ended / max(1, following.total)
        words = f"{following.ended:,}/{following.total:,}"
        if following.failed:
            words += f", {following.failed:,} failed"
    filled = round(_WIDTH * (fraction or 0.0))
    percent = "    " if fraction is None else f"{fraction:4.0%}"
    bar = "█" * filled + " " * (_WIDTH - filled)
    return f"{what}: {percent}|{bar}| {clean(words)[:80]} [{following.seconds:.0f}s]"


def name(line: Line) -> str:
    """`export 7`."""
    return clean(f"{line.kind} {line.id}")


def clean(text: str) -> str:
    """*text* without what a terminal would obey."""
    return "".join(char if char.isprintable() else " " for char in text)

"""Jobs that are looked at again and again until they have ended, for whatever shows them."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from ._errors import UnknownJob
from ._records import Progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._handle import Handle
    from .abc import Record, Status

# Jobs end about in their order: a look finds those that have, and so many that haven't.
_STILL_OPEN = 50
_FAILURES = 3


@dataclass(frozen=True)
class Line:
    """One job as it is shown; its texts come from the job, so whoever shows them escapes them."""

    id: int
    kind: str
    status: Status
    progress: Progress | None = None
    error: str | None = None

    @property
    def has_ended(self) -> bool:
        """Whether it is done, dead or cancelled."""
        return self.status in ("done", "dead", "cancelled")

    @property
    def fraction(self) -> float | None:
        """How far it is, from 0 to 1, if that is known."""
        if self.status == "done":
            return 1.0
        return None if self.progress is None else self.progress.fraction

    @property
    def words(self) -> str:
        """`420/1000 exporting`, or its status, or what became of it."""
        if self.has_ended:
            return f"{self.status}: {self.error}" if self.error else self.status
        if self.progress is None:
            return self.status
        total = "" if self.progress.total is None else f"/{self.progress.total:,g}"
        return f"{self.progress.done:,g}{total} {self.progress.note}".rstrip()


def line_of(record: Record) -> Line:
    """How a job on record is shown."""
    told = None
    if record.progress is not None:
        told = msgspec.json.decode(record.progress, type=Progress)
    failed = record.status == "dead" or (record.status == "scheduled" and record.attempt > 0)
    error = (record.error or "").partition("\n")[0] if failed else None
    return Line(record.id, record.kind, record.status, told, error)


class Following:
    """How far *handles* are; `look()` asks the store again."""

    def __init__(self, handles: Sequence[Handle[Any]]) -> None:
        self.total: int = len(handles)
        self.failed: int = 0
        self.failures: list[Line] = []
        self._open = deque(handles)
        self._lines: dict[int, Line] = {}
        self._began = time.monotonic()

    @property
    def ended(self) -> int:
        """How many have ended."""
        return self.total - len(self._open)

    @property
    def is_over(self) -> bool:
        """Whether all have ended."""
        return not self._open

    @property
    def seconds(self) -> float:
        """For how long they have been followed."""
        return time.monotonic() - self._began

    async def look(self) -> None:
        """Ask the store for some of those that hadn't ended."""
        still_open = 0
        for _ in range(len(self._open)):
            if still_open == _STILL_OPEN:
                break
            handle = self._open.popleft()
            try:
                line = line_of(await handle.record())
            except UnknownJob:  # its transaction hasn't committed yet
                line = Line(handle.id, handle.kind, "queued")
            if line.has_ended:
                if line.status != "done":
                    self.failed += 1
                    self.failures = [*self.failures, line][-_FAILURES:]
                self._lines.pop(line.id, None)
            else:
                still_open += 1
                self._open.append(handle)
            if self.total == 1 or (not line.has_ended and line.status == "running"):
                self._lines[line.id] = line

    def __repr__(self) -> str:
        return f"<{self.ended:,} of {self.total:,} jobs have ended>"

    def _repr_html_(self) -> str:
        return f"<p>{self.ended:,} of {self.total:,} jobs have ended</p>"

    def lines(self, most: int) -> list[Line]:
        """Those that are running now, the ones that tell of their progress first."""
        shown = sorted(self._lines.values(), key=lambda line: (line.progress is None, line.id))
        return shown[:most]

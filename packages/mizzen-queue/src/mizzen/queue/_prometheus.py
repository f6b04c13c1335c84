"""What Prometheus scrapes, in its text format.

Format: https://prometheus.io/docs/instrumenting/exposition_formats/ (version 0.0.4).
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ._monitored import Tally, WorkerRecord
    from ._records import Event

_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)
_STATUSES = ("queued", "scheduled", "running", "done", "dead", "cancelled")
_TOTALS = {
    "enqueued": "Jobs enqueued by this process.",
    "started": "Attempts started by this process.",
    "succeeded": "Attempts of this process that succeeded.",
    "failed": "Attempts of this process that failed.",
    "retried": "Failed attempts of this process that are tried again.",
    "dead": "Jobs that failed for good in this process.",
    "cancelled": "Jobs cancelled in this process.",
    "refused": "Ends of attempts that came too late to count.",
}


class Durations:
    """How long attempts took in this process, by kind and outcome."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], list[int]] = {}
        self._sums: dict[tuple[str, str], float] = {}

    def note(self, event: Event) -> None:
        """Count one attempt."""
        if event.seconds is None:
            return
        key = (event.job.kind, event.name)
        counts = self._counts.setdefault(key, [0] * (len(_BOUNDS) + 1))
        counts[bisect_left(_BOUNDS, event.seconds)] += 1
        self._sums[key] = self._sums.get(key, 0.0) + event.seconds

    def lines(self) -> Iterable[str]:
        """Return the histogram."""
        name = "mizzen_queue_attempt_seconds"
        yield from _head(name, "histogram", "How long attempts of this process took.")
        for (kind, outcome), counts in self._counts.items():
            labels, total = {"kind": kind, "outcome": outcome}, 0
            for bound, count in zip((*map(str, _BOUNDS), "+Inf"), counts, strict=True):
                total += count
                yield _sample(f"{name}_bucket", total, **labels, le=bound)
            yield _sample(f"{name}_sum", self._sums[kind, outcome], **labels)
            yield _sample(f"{name}_count", total, **labels)


def exposition(
    tallies: Iterable[Tally],
    workers: Iterable[WorkerRecord],
    paused: Iterable[str],
    totals: Mapping[str, float],
    durations: Durations,
    now: float,
) -> str:
    """Return the whole text."""
    counts: dict[str, dict[str, int]] = {}
    oldest: dict[str, float] = {}
    for tally in tallies:
        mine = counts.setdefault(tally.queue, dict.fromkeys(_STATUSES, 0))
        mine[tally.status] += tally.count
        if tally.oldest is not None:
            oldest[tally.queue] = min(tally.oldest, oldest.get(tally.queue, tally.oldest))
    known = list(workers)
    lines = [
        *_head("mizzen_queue_jobs", "gauge", "Jobs by queue and status, on all nodes."),
        *(
            _sample("mizzen_queue_jobs", count, queue=queue, status=status)
            for queue, mine in counts.items()
            for status, count in mine.items()
        ),
        *_head(
            "mizzen_queue_oldest_queued_seconds",
            "gauge",
            "How long ago the first of the jobs that are queued was enqueued.",
        ),
        *(
            _sample(
                "mizzen_queue_oldest_queued_seconds",
                max(0.0, now - oldest[queue]) if queue in oldest else 0,
                queue=queue,
            )
            for queue in counts
        ),
        *_head("mizzen_queue_paused", "gauge", "1 for a queue from which nobody takes jobs."),
        *(_sample("mizzen_queue_paused", 1, queue=queue) for queue in paused),
        *_head("mizzen_queue_workers", "gauge", "Workers that live, on all nodes."),
        _sample("mizzen_queue_workers", len(known)),
        *_head("mizzen_queue_held", "gauge", "Jobs that workers hold, on all nodes."),
        _sample("mizzen_queue_held", sum(worker.held for worker in known)),
    ]
    for name, told in _TOTALS.items():
        lines += _head(f"mizzen_queue_{name}_total", "counter", told)
        lines.append(_sample(f"mizzen_queue_{name}_total", totals.get(f"{name}_total", 0)))
    return "\n".join([*lines, *durations.lines(), ""])


def _head(name: str, kind: str, told: str) -> tuple[str, str]:
    return f"# HELP {name} {told}", f"# TYPE {name} {kind}"


def _sample(name: str, value: float, **labels: str) -> str:
    written = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
    return f"{name}{{{written}}} {value:.17g}" if written else f"{name} {value:.17g}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

"""How queues and workers show themselves: one line of text, or a small table."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ._queue import Queue
    from ._worker import Worker


def queue_facts(queue: Queue) -> dict[str, object]:
    """What a queue knows of itself without asking its store."""
    facts: dict[str, object] = {"queue": queue.url, "jobs": ", ".join(queue.jobs) or "none defined"}
    if queue.last_counts:
        facts |= {name: f"{count:,}" for name, count in queue.last_counts.items()}
    else:
        facts |= {
            "enqueued here": f"{queue.totals['enqueued_total']:,}",
            "succeeded here": f"{queue.totals['succeeded_total']:,}",
        }
    return facts


def queue_line(queue: Queue) -> str:
    """`<mizzen.queue.Queue memory: 3 kinds, 12 queued, 100 done>`."""
    counts = queue.last_counts
    known = f", {counts['queued']:,} queued, {counts['done']:,} done" if counts else ""
    plural = "kind" if len(queue.jobs) == 1 else "kinds"
    return f"<mizzen.queue.Queue {queue.url} {len(queue.jobs)} {plural}{known}>"


def worker_facts(worker: Worker) -> dict[str, object]:
    """What a worker is doing."""
    return {
        "worker of": worker.queue.url,
        "state": worker.state,
        "queues": ", ".join(worker.queues) if worker.queues is not None else "all",
        "running": f"{worker.running} of {worker.concurrency}",
        "prefetched": worker.prefetched,
    }


def worker_line(worker: Worker) -> str:
    """`<mizzen.queue.Worker sqlite:///app.db running: 3 of 10 busy>`."""
    return (
        f"<mizzen.queue.Worker {worker.queue.url} {worker.state}: "
        f"{worker.running} of {worker.concurrency} busy>"
    )


def html_table(facts: Mapping[str, object]) -> str:
    """The facts as an escaped table."""
    rows = "".join(
        f"<tr><th style='text-align:left'>{html.escape(name)}</th>"
        f"<td>{html.escape(str(value))}</td></tr>"
        for name, value in facts.items()
    )
    return f"<table>{rows}</table>"

"""`/metrics`: every component's figures in Prometheus' text format."""

from __future__ import annotations

import re
import sys
import time
from typing import TYPE_CHECKING

from ._reply import may_see, reply

if TYPE_CHECKING:
    from ._app import App
    from .abc import Scope, Send

STARTED = time.time()


async def answer_metrics(app: App, scope: Scope, send: Send) -> None:
    """Answer with the current figures."""
    if not may_see(scope, app.settings.observe.token):
        return await reply(send, 401, "text/plain", "/metrics needs `Authorization: Bearer …`\n")
    return await reply(send, 200, "text/plain; version=0.0.4", metrics_text(app))


def metrics_text(app: App) -> str:
    """Return the figures of the app and of its process, one per line, each with its type."""
    figures = {f"mizzen_{name}": value for name, value in app.stats().items()} | process_figures()
    lines: list[str] = []
    for name, value in sorted(figures.items()):
        safe = re.sub(r"\W", "_", name)
        lines.append(f"# TYPE {safe} {'counter' if safe.endswith('_total') else 'gauge'}")
        lines.append(f"{safe} {value:.10g}")
    return "\n".join(lines) + "\n"


def process_figures() -> dict[str, float]:
    """Return what Prometheus' own clients report of a process."""
    figures = {
        "process_cpu_seconds_total": time.process_time(),
        "process_start_time_seconds": STARTED,
    }
    if sys.platform != "win32":
        import resource

        unit = 1 if sys.platform == "darwin" else 1024
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        figures["process_max_resident_memory_bytes"] = peak * unit
    return figures

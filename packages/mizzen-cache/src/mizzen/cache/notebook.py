"""The live view: a widget that follows the cache in a notebook; text and HTML anywhere else."""

from __future__ import annotations

import asyncio
import html
import sys
from importlib import import_module
from typing import Any, Final, Protocol

__all__ = ["View"]

_POINTS: Final = 120  # of the hit-rate line


class Shown(Protocol):
    """What a view needs of its source."""

    def _repr_html_(self) -> str: ...

    def stats(self) -> dict[str, float]:
        """Return counters and gauges."""
        ...


class View:
    """What `view()` returns; as a cell's last line it stays current until `close()`."""

    def __init__(self, source: Shown, every: float) -> None:
        self._source, self._every = source, every
        self._following: asyncio.Task[None] | None = None
        self._table: Any = None
        self._rates: list[float] = []
        self._last = (0.0, 0.0)

    def __repr__(self) -> str:
        return repr(self._source)

    def _repr_html_(self) -> str:
        return self._source._repr_html_()  # pyright: ignore[reportPrivateUsage]

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        bundle: dict[str, Any] = {"text/plain": repr(self), "text/html": self._repr_html_()}
        if in_kernel() and (widget := self._widget()) is not None:
            live: dict[str, Any] = widget._repr_mimebundle_()
            bundle |= {mime: data for mime, data in live.items() if mime.startswith("application/")}
        return bundle

    def close(self) -> None:
        """Stop following; idempotent."""
        if self._following is not None:
            self._following.cancel()
            self._following = None

    def _widget(self) -> Any:
        try:
            widgets: Any = import_module("ipywidgets")
        except ImportError:
            return None
        self._table = widgets.HTML(self._now())
        stop = widgets.Button(description="stop", icon="stop")

        def stopped(_: object) -> None:
            self.close()

        stop.on_click(stopped)
        self.close()
        self._following = asyncio.get_running_loop().create_task(self._follow())
        return widgets.VBox([self._table, stop], _dom_classes=("mizzen-view",))

    async def _follow(self) -> None:
        try:
            while True:
                self._table.value = self._now()
                await asyncio.sleep(self._every)
        except Exception as exc:
            self._table.value += f"<p>the view stopped: {html.escape(repr(exc))}</p>"
            raise

    def _now(self) -> str:
        """Return the table and, below it, the hit rate of the last moments as a line."""
        stats = self._source.stats()
        hits, misses = stats["hits_total"], stats["misses_total"]
        new_hits, new_misses = hits - self._last[0], misses - self._last[1]
        self._last = hits, misses
        if new_hits + new_misses:
            self._rates = [*self._rates[1 - _POINTS :], new_hits / (new_hits + new_misses)]
        return self._repr_html_() + _line(self._rates)


def _line(rates: list[float]) -> str:
    if len(rates) < 2:
        return ""
    points = " ".join(f"{2 * at},{40 - 38 * rate:.1f}" for at, rate in enumerate(rates))
    return (
        f"<svg width='{2 * _POINTS}' height='42' role='img' aria-label='hit rate over time'>"
        f"<polyline points='{points}' fill='none' stroke='currentColor' stroke-width='1.5'/></svg>"
    )


def in_kernel() -> bool:
    """Return whether this runs in a Jupyter kernel."""
    ipython = sys.modules.get("IPython")
    shell: Any = ipython.get_ipython() if ipython is not None else None
    return shell is not None and getattr(shell, "kernel", None) is not None

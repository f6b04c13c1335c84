"""The live view: a progress bar and a table that follow a queue; text outside a notebook."""

from __future__ import annotations

import asyncio
import html
import importlib
import sys
import time
from typing import Any, Protocol

__all__ = ["View", "in_kernel"]


class Shown(Protocol):
    """What a view can follow; one that has `counts()` gets a progress bar too."""

    def _repr_html_(self) -> str: ...


class View:
    """What `view()` returns; as a cell's last line it stays current until `close()`."""

    def __init__(self, source: Shown, every: float) -> None:
        self._source, self._every = source, every
        self._following: asyncio.Task[None] | None = None
        self._widget: Any = None
        self._bar: Any = None
        self._table: Any = None
        self._ended: list[tuple[float, int]] = []

    def close(self) -> None:
        """Stop following; what is shown stays. Idempotent."""
        if self._following is not None:
            self._following.cancel()
            self._following = None

    def __repr__(self) -> str:
        return repr(self._source)

    def _repr_html_(self) -> str:
        return self._source._repr_html_()  # pyright: ignore[reportPrivateUsage]

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        bundle: dict[str, Any] = {"text/plain": repr(self), "text/html": self._repr_html_()}
        if in_kernel() and (widget := self._build()) is not None:
            shown: dict[str, Any] = widget._repr_mimebundle_()
            bundle |= {k: data for k, data in shown.items() if k.startswith("application/")}
        return bundle

    def _build(self) -> Any:
        try:
            # Untyped: the only place that touches it.
            widgets: Any = importlib.import_module("ipywidgets")
        except ImportError:
            return None
        if self._widget is None:
            self._bar = widgets.IntProgress(
                value=0, min=0, max=1, description="jobs", bar_style="info"
            )
            self._table = widgets.HTML(value=self._repr_html_())
            stop = widgets.Button(description="stop", icon="stop")
            stop.on_click(self._stopped)
            bar = [self._bar] if hasattr(self._source, "counts") else []
            self._widget = widgets.VBox([*bar, self._table, stop])
            self._widget.add_class("mizzen-view")
        if self._following is None:
            self._following = asyncio.get_running_loop().create_task(self._follow())
        return self._widget

    def _stopped(self, _: object) -> None:
        self.close()

    async def _follow(self) -> None:
        while True:
            try:
                await self._refresh()
            except Exception as exc:
                # Nobody sees an exception of a kernel's background task: show it in its place.
                self._table.value = f"<pre>{html.escape(f'{type(exc).__name__}: {exc}')}</pre>"
            await asyncio.sleep(self._every)

    async def _refresh(self) -> None:
        counts = getattr(self._source, "counts", None)
        if counts is not None:
            self._show_progress(await counts())
        self._table.value = self._repr_html_() + self._rate()

    def _show_progress(self, counts: dict[str, int]) -> None:
        ended, total = counts["done"] + counts["dead"] + counts["cancelled"], sum(counts.values())
        self._bar.max = max(1, total)
        self._bar.value = ended
        self._bar.bar_style = (
            "danger" if counts["dead"] else "success" if ended == total else "info"
        )
        # Once all is done there is no rate: the last one would slowly fade to a wrong number.
        self._ended = [] if ended == total else [*self._ended[-9:], (time.monotonic(), ended)]

    def _rate(self) -> str:
        if len(self._ended) < 2:
            return ""
        (began, before), (now, ended) = self._ended[0], self._ended[-1]
        return f"<p>{max(0.0, (ended - before) / (now - began)):,.0f} jobs per second</p>"


def in_kernel() -> bool:
    """Whether this runs inside a Jupyter kernel."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and getattr(shell, "kernel", None) is not None

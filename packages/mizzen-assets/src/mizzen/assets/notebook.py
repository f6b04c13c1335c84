"""The live view: a widget that follows the component in a notebook; text and HTML elsewhere."""

from __future__ import annotations

import asyncio
import sys
from html import escape
from importlib import import_module
from typing import Any, Protocol

__all__ = ["View"]


class Shown(Protocol):
    """What a view can show."""

    def _repr_html_(self) -> str: ...


class View:
    """What `view()` returns; as a cell's last line it stays current until `close()`."""

    def __init__(self, source: Shown, every: float = 0.5) -> None:
        self._source, self._every = source, every
        self._following: asyncio.Task[None] | None = None
        self._table: Any = None
        self._widget: Any = None

    def __repr__(self) -> str:
        return repr(self._source)

    def _repr_html_(self) -> str:
        shown: str = self._source._repr_html_()  # pyright: ignore[reportPrivateUsage]
        return shown

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        bundle: dict[str, Any] = {"text/plain": repr(self), "text/html": self._repr_html_()}
        widget = self._live() if in_kernel() else None
        if widget is not None:
            shown: dict[str, Any] = widget._repr_mimebundle_()
            bundle |= {kind: data for kind, data in shown.items() if kind[:12] == "application/"}
        return bundle

    def close(self) -> None:
        """Stop following; what is shown stays as it is."""
        if self._following is not None:
            self._following.cancel()
            self._following = None

    def _clicked(self, _: object) -> None:
        self.close()

    def _live(self) -> Any:
        """Return the widget, following from now on; None without ipywidgets."""
        if self._widget is None:
            try:
                widgets: Any = import_module("ipywidgets")
            except ImportError:
                return None
            self._table = widgets.HTML(self._repr_html_())
            stop = widgets.Button(description="Stop", tooltip="Stop following")
            stop.on_click(self._clicked)
            self._widget = widgets.VBox([self._table, stop], _dom_classes=("mizzen-view",))
        if self._following is None or self._following.done():
            self._following = asyncio.get_running_loop().create_task(self._follow())
        return self._widget

    async def _follow(self) -> None:
        while True:
            try:
                self._table.value = self._repr_html_()
            except Exception as error:  # shown, because a kernel would swallow it
                self._table.value = f"<pre>the view stopped: {escape(repr(error))}</pre>"
                return
            await asyncio.sleep(self._every)


def in_kernel() -> bool:
    """Tell whether this runs in a notebook's kernel."""
    ipython: Any = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and getattr(shell, "kernel", None) is not None

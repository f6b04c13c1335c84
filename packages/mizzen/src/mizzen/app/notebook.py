"""The live view: a widget that follows the app in a notebook; text and HTML anywhere else."""

from __future__ import annotations

import asyncio
import html
import sys
from importlib import import_module
from typing import Any, Protocol

__all__ = ["View"]


class Shown(Protocol):
    """Something with text and HTML forms."""

    def _repr_html_(self) -> str: ...


class View:
    """What `view()` returns; as a cell's last line it stays current until `close()`."""

    def __init__(self, source: Shown, every: float) -> None:
        self._source, self._every = source, every
        self._following: asyncio.Task[None] | None = None
        self._table: Any = None

    def close(self) -> None:
        """Stop following; what is shown stays."""
        if self._following is not None:
            self._following.cancel()
            self._following = None

    def __repr__(self) -> str:
        return repr(self._source)

    def _repr_html_(self) -> str:
        return self._source._repr_html_()  # pyright: ignore[reportPrivateUsage]

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        bundle: dict[str, Any] = {"text/plain": repr(self), "text/html": self._repr_html_()}
        widget = self._widget() if in_kernel() else None
        if widget is not None:
            shown: dict[str, Any] = widget._repr_mimebundle_()
            bundle |= {
                mime: data for mime, data in shown.items() if mime.startswith("application/")
            }
        return bundle

    def _widget(self) -> Any:
        """Build the widget and start to follow, or return None without ipywidgets."""
        try:
            widgets: Any = import_module("ipywidgets")
        except ImportError:
            return None
        self._table = widgets.HTML(self._repr_html_())
        stop = widgets.Button(description="stop", icon="stop")

        def stopped(_: object) -> None:
            self.close()

        stop.on_click(stopped)
        if self._following is None:
            self._following = asyncio.get_running_loop().create_task(self._follow())
        return widgets.VBox([self._table, stop], _dom_classes=("mizzen-view",))

    async def _follow(self) -> None:
        while True:
            try:
                self._table.value = self._repr_html_()
            except Exception as error:  # shown where one looks: a kernel drops background errors
                self._table.value = f"<pre>{html.escape(repr(error))}</pre>"
            await asyncio.sleep(self._every)


def in_kernel() -> bool:
    """Tell whether a Jupyter kernel will show this."""
    ip: Any = sys.modules.get("IPython")
    shell = ip.get_ipython() if ip else None
    return shell is not None and getattr(shell, "kernel", None) is not None

"""The live view: a widget that follows the component in a notebook; text and HTML anywhere else."""

from __future__ import annotations

import asyncio
import html
import sys
from importlib import import_module
from typing import Any, Protocol

__all__ = ["Shown", "View"]


class Shown(Protocol):
    """Anything with an HTML form."""

    def _repr_html_(self) -> str: ...


class View:
    """What `view()` returns; as a cell's last line it stays current until `close()`."""

    def __init__(self, source: Shown, every: float) -> None:
        self._source = source
        self._every = every
        self._following: asyncio.Task[None] | None = None
        self._table: Any = None
        self._box: Any = None

    def __repr__(self) -> str:
        return repr(self._source)

    def _repr_html_(self) -> str:
        return self._source._repr_html_()  # pyright: ignore[reportPrivateUsage]

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        bundle: dict[str, Any] = {"text/plain": repr(self), "text/html": self._repr_html_()}
        if in_kernel() and (widget := self._widget()) is not None:
            shown: dict[str, Any] = widget._repr_mimebundle_()
            bundle |= {k: v for k, v in shown.items() if k.startswith("application/")}
        return bundle

    def close(self) -> None:
        """Stop following; the last picture stays."""
        if self._following is not None:
            self._following.cancel()
            self._following = None

    def _widget(self) -> Any:
        try:
            widgets: Any = import_module("ipywidgets")  # it has no types
        except ImportError:
            return None
        if self._box is None:
            self._table = widgets.HTML(self._repr_html_())
            stop = widgets.Button(description="stop", icon="stop")
            stop.on_click(lambda _: self.close())  # pyright: ignore[reportUnknownLambdaType]
            self._box = widgets.VBox([self._table, stop], _dom_classes=("mizzen-view",))
        if self._following is None:
            self._following = asyncio.get_running_loop().create_task(self._follow())
        return self._box

    async def _follow(self) -> None:
        while True:
            try:
                self._table.value = self._repr_html_()
            except Exception as exc:  # a failure that nobody sees would be a view that lies
                self._table.value = f"<b>the view stopped:</b> {html.escape(repr(exc))}"
                return
            await asyncio.sleep(self._every)


def in_kernel() -> bool:
    """Whether this process is a notebook's kernel."""
    ip: Any = sys.modules.get("IPython")
    shell = ip.get_ipython() if ip else None
    return shell is not None and getattr(shell, "kernel", None) is not None

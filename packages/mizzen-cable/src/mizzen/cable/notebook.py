"""The live view: a widget that follows a cable in a notebook; text and HTML anywhere else."""

from __future__ import annotations

import asyncio
import sys
from html import escape
from importlib import import_module
from typing import Any, Protocol


class Shown(Protocol):
    """Anything with an HTML repr."""

    def _repr_html_(self) -> str: ...


class View:
    """What `view()` returns; as a cell's last line it stays current until `close()`."""

    def __init__(self, source: Shown, every: float) -> None:
        self._source, self._every = source, every
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
            bundle |= {
                mime: data for mime, data in shown.items() if mime.startswith("application/")
            }
        return bundle

    def close(self) -> None:
        """Stop following; what is shown stays as it is."""
        if self._following is not None:
            self._following.cancel()
            self._following = None

    def _widget(self) -> Any:
        try:
            widgets: Any = import_module("ipywidgets")
        except ImportError:
            return None
        if self._box is None:
            self._table = widgets.HTML(value=self._repr_html_())
            stop = widgets.Button(description="Stop", icon="stop")
            stop.on_click(self._stopped)
            self._box = widgets.VBox([self._table, stop])
            self._box.add_class("mizzen-view")
        if self._following is None:
            self._following = asyncio.get_running_loop().create_task(self._follow())
        return self._box

    def _stopped(self, _button: object) -> None:
        self.close()

    async def _follow(self) -> None:
        try:
            while True:
                self._table.value = self._repr_html_()
                await asyncio.sleep(self._every)
        except Exception as exc:  # shown in the widget: a kernel would swallow it
            self._table.value = f"<pre>the view stopped: {escape(repr(exc))}</pre>"


def in_kernel() -> bool:
    """Return whether this runs in a Jupyter kernel, without importing IPython."""
    module = sys.modules.get("IPython")
    shell: Any = module.get_ipython() if module else None
    return shell is not None and getattr(shell, "kernel", None) is not None

"""The live view: a widget that follows the database in a notebook; text and HTML anywhere else."""

from __future__ import annotations

import asyncio
import importlib
import sys
from html import escape
from typing import TYPE_CHECKING, Any

from ._activity import Activity

if TYPE_CHECKING:
    from ._database import Database


class View:
    """What `view()` returns; as a cell's last line it stays current until `close()`."""

    def __init__(self, source: Database, every: float) -> None:
        self._source, self._every = source, every
        self._activity = Activity(source)
        self._following: asyncio.Task[None] | None = None
        self._box: Any = None
        self._table: Any = None
        self._button: Any = None

    def close(self) -> None:
        """Stop following, what is shown stays; closing again does nothing."""
        if self._following is not None:
            self._following.cancel()
            self._following = None
        if self._button is not None:
            self._button.disabled = True

    def __repr__(self) -> str:
        return repr(self._source)

    def _repr_html_(self) -> str:
        return self._activity.html()

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        bundle: dict[str, Any] = {"text/plain": repr(self), "text/html": self._repr_html_()}
        if in_kernel() and (widget := self._widget()) is not None:
            shown: dict[str, Any] = widget._repr_mimebundle_()
            bundle |= {
                mime: data for mime, data in shown.items() if mime.startswith("application/")
            }
        return bundle

    def _widget(self) -> Any:
        try:
            widgets: Any = importlib.import_module("ipywidgets")
        except ModuleNotFoundError:
            return None
        if self._box is None:
            self._table = widgets.HTML(self._repr_html_())
            self._button = widgets.Button(description="Stop", tooltip="Stop following", icon="stop")
            self._button.on_click(self._stopped)
            self._box = widgets.VBox([self._table, self._button], _dom_classes=("mizzen-view",))
        if self._following is None:
            self._button.disabled = False
            self._following = asyncio.get_running_loop().create_task(self._follow())
        return self._box

    def _stopped(self, _button: object) -> None:
        self.close()

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(self._every)
            try:
                self._table.value = self._repr_html_()
            except Exception as error:
                # Prints and raised errors vanish in a kernel's background; show it instead.
                self._table.value = (
                    f"<pre>{escape(type(error).__name__)}: {escape(str(error))}</pre>"
                )
                return


def in_kernel() -> bool:
    """Return whether this runs in a Jupyter kernel."""
    ipython = sys.modules.get("IPython")
    shell: Any = ipython.get_ipython() if ipython is not None else None
    return shell is not None and getattr(shell, "kernel", None) is not None

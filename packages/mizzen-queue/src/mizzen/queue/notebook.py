"""The live view: a progress bar and a table that follow jobs; text outside a notebook."""

from __future__ import annotations

import asyncio
import html
import importlib
import importlib.util
import sys
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ._following import Following
    from ._looks import Look

__all__ = ["View", "in_kernel"]


class Shown(Protocol):
    """What a view can show."""

    def _repr_html_(self) -> str: ...


class View:
    """What `view()` returns; as a cell's last line it stays current until `close()`."""

    def __init__(
        self, source: Shown, every: float, look: Callable[[], Awaitable[Look]] | None = None
    ) -> None:
        self._source, self._every, self._look = source, every, look
        self._following: asyncio.Task[None] | None = None
        self._widget: Any = None
        self._bar: Any = None
        self._table: Any = None

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
            self._bar = widgets.FloatProgress(
                value=0, min=0, max=1, description="jobs", bar_style="info"
            )
            self._table = widgets.HTML(value=self._repr_html_())
            stop = widgets.Button(description="stop", icon="stop")
            stop.on_click(self._stopped)
            bar = [self._bar] if self._look is not None else []
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
                if await self._refresh():
                    return
            except Exception as exc:
                # Nobody sees an exception of a kernel's background task: show it in its place.
                self._table.value = f"<pre>{html.escape(f'{type(exc).__name__}: {exc}')}</pre>"
            await asyncio.sleep(self._every)

    async def _refresh(self) -> bool:
        if self._look is None:
            self._table.value = self._repr_html_()
            return False
        look = await self._look()
        self._bar.max, self._bar.value, self._bar.bar_style = look.total, look.done, look.style
        self._table.value = look.html
        return look.is_last

    async def over(self) -> None:
        """Wait until there is nothing to follow any more; at once where it isn't shown live."""
        if self._following is not None:
            await asyncio.wait((self._following,))


async def display(following: Following) -> bool:
    """Show jobs below the cell until all have ended; False where that can't be."""
    if not in_kernel() or importlib.util.find_spec("ipywidgets") is None:
        return False
    from ._looks import JobsLook

    view = View(following, 0.1, JobsLook(following))
    # Untyped, as ipywidgets is.
    shown: Any = importlib.import_module("IPython.display")
    shown.display(view)
    try:
        await view.over()
    finally:
        view.close()
    return True


def in_kernel() -> bool:
    """Whether this runs inside a Jupyter kernel."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and getattr(shell, "kernel", None) is not None

"""The live view: who is registered and who is logged in, followed in a notebook."""

from __future__ import annotations

import asyncio
import sys
from html import escape
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ._sessions import Session
    from ._users import User

ROWS = 20


class Source(Protocol):
    """What a view follows: an `Auth`."""

    @property
    def started(self) -> bool:
        """Whether there is something to ask."""
        ...

    async def users(self, limit: int = 100) -> list[User]:
        """Return the newest users."""
        ...

    async def sessions(self, user: User | str | None = None, limit: int = 100) -> list[Session]:
        """Return the live sessions."""
        ...


class View:
    """What `auth.view()` returns; as a cell's last line it stays current until `close()`."""

    def __init__(self, source: Source, every: float) -> None:
        self._source = source
        self._every = every
        self._html = _as_html(source)
        self._table: Any = None
        self._box: Any = None
        self._following: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return repr(self._source)

    def _repr_html_(self) -> str:
        return self._html

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        bundle: dict[str, Any] = {"text/plain": repr(self), "text/html": self._html}
        if in_kernel() and (widget := self._widget()) is not None:
            shown = widget._repr_mimebundle_()
            bundle |= {
                kind: data for kind, data in shown.items() if kind.startswith("application/")
            }
        return bundle

    async def refresh(self) -> str:
        """Ask the store once, and return the tables as HTML."""
        if self._source.started:
            users = await self._source.users(ROWS)
            sessions = await self._source.sessions(None, ROWS)
            tables = _users(users) + _sessions(sessions)
        else:
            tables = ""
        self._html = _as_html(self._source) + tables
        if self._table is not None:
            self._table.value = self._html
        return self._html

    def close(self) -> None:
        """Stop following; idempotent. What was shown stays."""
        if self._following is not None:
            self._following.cancel()
            self._following = None

    def _stop(self, button: object) -> None:
        self.close()

    def _widget(self) -> Any:
        """Return the widget, and begin to follow; None where ipywidgets is missing."""
        try:
            widgets: Any = import_module("ipywidgets")  # it has no types
        except ImportError:
            return None
        if self._box is None:
            self._table = widgets.HTML(self._html)
            stop = widgets.Button(description="Stop following")
            stop.on_click(self._stop)
            self._box = widgets.VBox([self._table, stop], _dom_classes=("mizzen-view",))
        if self._following is None:
            self._following = asyncio.get_running_loop().create_task(self._follow())
        return self._box

    async def _follow(self) -> None:
        while True:
            try:
                await self.refresh()
            except Exception as exc:  # shown in the cell: nobody reads a background task
                self._table.value = f"{self._html}<p><b>{escape(str(exc))}</b></p>"
            await asyncio.sleep(self._every)


def _as_html(source: Source) -> str:
    shown: str = getattr(source, "_repr_html_")()  # noqa: B009  (protected by name, public by protocol)
    return shown


def _users(users: Sequence[User]) -> str:
    rows = (
        (user.username or "", user.email or "", f"{user.created_at:%Y-%m-%d %H:%M}", _state(user))
        for user in users
    )
    return _html_table("Users", ("username", "email", "since", "state"), rows)


def _sessions(sessions: Sequence[Session]) -> str:
    rows = (
        (
            session.user.username or session.user.email or "",
            session.device,
            session.address,
            f"{session.last_used_at:%Y-%m-%d %H:%M}",
            f"{session.expires_at:%Y-%m-%d}",
        )
        for session in sessions
    )
    return _html_table("Sessions", ("user", "device", "address", "last use", "ends"), rows)


def _state(user: User) -> str:
    return "disabled" if user.disabled else "active"


def _html_table(title: str, names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{name}</th>" for name in names)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><caption>{title}</caption><tr>{head}</tr>{body}</table>"


def in_kernel() -> bool:
    """Tell whether this runs in a notebook's kernel, where widgets have a front end."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return shell is not None and getattr(shell, "kernel", None) is not None

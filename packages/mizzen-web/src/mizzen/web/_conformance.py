"""Holding an app to the ASGI specification while it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from .abc import ASGIApp, Message, Receive, Scope, Send


class Checked:
    """An ASGI app whose HTTP messages are checked: their order, types and header bytes."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the app; a breach raises AssertionError inside it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = "new"

        async def checked(message: Message) -> None:
            nonlocal state
            kind = message["type"]
            if kind == "http.response.start":
                _require(state == "new", f"a second start, or one after the end ({state})")
                _check_start(message)
                state = "started"
            elif kind == "http.response.body":
                _require(state == "started", f"a body in the state {state!r}")
                _require(isinstance(message.get("body", b""), bytes), "a body that is not bytes")
                if not message.get("more_body", False):
                    state = "ended"
            await send(message)

        await self._app(scope, receive, checked)


def _check_start(message: Message) -> None:
    _require(isinstance(message["status"], int), "a status that is not an int")
    headers = cast("list[tuple[Any, Any]]", message.get("headers", []))
    for name, value in headers:
        _require(isinstance(name, bytes) and isinstance(value, bytes), "a header not in bytes")
        _require(name == name.lower(), f"a header name in upper case: {name!r}")
        _require(not set(value) & {10, 13, 0}, f"a line break in the header {name!r}")


def _require(kept: bool, breach: str) -> None:
    if not kept:
        raise AssertionError(f"not ASGI: {breach}")

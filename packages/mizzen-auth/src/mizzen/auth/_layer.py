"""The ASGI layer: who the visitor is, no cross-site requests, security headers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any

from ._headers import SecurityHeaders, keep_private, new_nonce
from ._visit import Visit

if TYPE_CHECKING:
    from ._auth import Auth

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

REFUSAL = b"This request came from another site, so it was refused.\n"


class Layer:
    """Wraps an ASGI app; other scopes than http and websocket pass untouched."""

    def __init__(self, auth: Auth, app: ASGIApp, headers: Mapping[str, str | None]) -> None:
        self._auth = auth
        self._app = app
        self._headers = SecurityHeaders(headers)

    def __repr__(self) -> str:
        return f"<mizzen.auth.Layer around {self._app!r}>"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        nonce = new_nonce()
        if self._auth.origins.refuses(scope):
            self._auth.counts["cross_site"] += 1
            await self._refuse(send, nonce)
            return
        inner, visit = await self._visit(scope, nonce)

        async def dress(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = self._headers.add(message.get("headers") or (), nonce)
                cookie = await visit.settle()
                if cookie is not None:
                    headers.append(cookie)
                if cookie is not None or visit.session is not None:
                    keep_private(headers, cookie_changed=cookie is not None)
                message = {**message, "headers": headers}
            await send(message)

        await self._app(inner, receive, dress)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._auth.origins.refuses(scope):
            self._auth.counts["cross_site"] += 1
            await receive()  # websocket.connect; a close before the accept is answered with 403
            await send({"type": "websocket.close", "code": 1008, "reason": "cross-site"})
            return
        inner, visit = await self._visit(scope, new_nonce())

        async def dress(message: Message) -> None:
            if message["type"] in ("websocket.accept", "websocket.http.response.start"):
                cookie = await visit.settle()
                if cookie is not None:
                    message = {**message, "headers": [*(message.get("headers") or ()), cookie]}
            await send(message)

        await self._app(inner, receive, dress)

    async def _visit(self, scope: Scope, nonce: str) -> tuple[Scope, Visit]:
        token = self._auth.cookies.read(scope)
        session = await self._auth.session(token or "")
        inner = dict(scope)
        visit = Visit(self._auth, inner, session)
        inner |= {"auth": visit, "user": visit.user, "session": session, "csp_nonce": nonce}
        return inner, visit

    async def _refuse(self, send: Send, nonce: str) -> None:
        plain = [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", str(len(REFUSAL)).encode()),
        ]
        headers = self._headers.add(plain, nonce)
        await send({"type": "http.response.start", "status": 403, "headers": headers})
        await send({"type": "http.response.body", "body": REFUSAL})

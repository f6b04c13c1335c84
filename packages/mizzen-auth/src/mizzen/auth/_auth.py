"""The component: who may come in, and who is in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._accounts import Accounts
from ._layer import Layer
from ._login import Login

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ._layer import ASGIApp
    from ._users import User
    from .notebook import View


class Auth(Accounts, Login):
    """Users, sessions and signed tokens in one store.

    `url` is `memory:`, `sqlite:///file`, `postgresql://…` or a `UserStore`. `secret` (or several,
    the newest first) signs tokens; without one, one is made and kept in the store. A session ends
    `idle` after its last use, and `absolute` after the login in any case.

    Wrong passwords are forgiven `failures_per_account` and `failures_per_address` times in a
    `failure_window`. `secure` says that visitors come over https though the server can't see it;
    `trusted_origins` are other sites whose pages may act with our visitors' cookies.
    """

    def layer(self, app: ASGIApp, *, headers: Mapping[str, str | None] | None = None) -> Layer:
        """Wrap an ASGI app: session, cross-site check and security headers in one layer.

        `headers` changes a default header, or leaves it out with None; `{nonce}` in a value becomes
        the response's nonce, which the app finds in `scope["csp_nonce"]`.
        """
        return Layer(self, app, headers or {})

    async def identify(self, scope: Mapping[str, Any]) -> User | None:
        """Return who an ASGI scope's cookie belongs to; nobody, if another site sent it."""
        self._ready()
        if scope["type"] not in ("http", "websocket") or self.origins.refuses(scope):
            return None
        session = await self.session(self.cookies.read(scope) or "")
        return session.user if session else None

    def view(self, every: float = 0.5) -> View:
        """Return a live view of users and sessions for a notebook; text elsewhere."""
        from .notebook import View

        return View(self, every)

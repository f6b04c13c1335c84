"""Who may see the dashboard: by HTTP basic, or by the application's own rules."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from ._http import Refused, Scope

if TYPE_CHECKING:
    from ._http import Request

Auth = tuple[str, str] | Callable[[Scope], Awaitable[object]]
Identify = Callable[["Request"], Awaitable[str]]

_ASK = {"www-authenticate": 'Basic realm="mizzen-queue", charset="UTF-8"'}


def identify_by(auth: Auth | None, *, insecure: bool) -> Identify:
    """Return what tells who sends a request, or refuses it; ValueError without a decision."""
    if auth is None:
        if not insecure:
            raise ValueError(
                "a dashboard shows arguments and stops jobs: say who may, with "
                "auth=(user, password) or auth=<an async function of the ASGI scope that returns "
                "who it is, or None>; or let everybody, with insecure=True"
            )
        return _anyone
    if insecure:
        raise ValueError("insecure=True and auth= contradict one another")
    if callable(auth):
        return _asking(auth)
    user, password = auth
    if not user or not password:
        raise ValueError("auth=(user, password): neither may be empty")
    return _basic(user, password)


async def _anyone(_: Request) -> str:
    return "anyone"


def _asking(auth: Callable[[Scope], Awaitable[object]]) -> Identify:
    async def identify(request: Request) -> str:
        identity = await auth(request.scope)
        if identity is None or identity is False:
            raise Refused(403, "You may not see this.")
        return str(identity)

    return identify


def _basic(user: str, password: str) -> Identify:
    expected = f"{user}:{password}".encode()

    async def identify(request: Request) -> str:
        scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
        try:
            given = base64.b64decode(encoded.strip(), validate=True)
        except (binascii.Error, ValueError):
            given = b""
        # Both are compared as one, in a time that doesn't tell where they differ.
        if not hmac.compare_digest(given, expected) or scheme.lower() != "basic":
            raise Refused(401, "Sign in to see this.", _ASK)
        return user

    return identify

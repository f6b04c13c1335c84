"""From an exception to an answer: the site's own handlers first, then a problem or a page."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, TypeAlias

from ._answers import respond
from ._errors import HTTPError
from ._hooks import KNOWN, Hook, compile_hook
from ._problem import error_response
from ._signature import read_parameters

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._context import Context
    from ._responses import Response
    from ._services import Services

Kind: TypeAlias = type[BaseException] | int

_log = logging.getLogger("mizzen.web")


class ErrorHandlers:
    """Handlers by type of exception or by status, and the count of what was the site's fault."""

    def __init__(self) -> None:
        self.errors: int = 0
        self._functions: dict[Kind, Callable[..., Any]] = {}
        self._compiled: dict[Kind, Hook] = {}

    def define(self, kind: Kind, function: Callable[..., Any]) -> None:
        """Set the handler of a type or status in place of what it had."""
        read_parameters(function, known=KNOWN)  # what cannot be resolved fails here
        self._functions[kind] = function

    def compile(self, services: Services) -> None:
        """Bind the handlers to what is provided now."""
        self._compiled = {
            kind: compile_hook(function, services, about="exc", about_type=BaseException)
            for kind, function in self._functions.items()
        }

    async def answer(self, ctx: Context, exc: Exception) -> Response:
        """Return the answer for an exception, whatever goes wrong on the way to it."""
        error = exc if isinstance(exc, HTTPError) else HTTPError(500)
        if error.status >= 500:
            self.errors += 1
        handler = self._nearest(exc)
        if handler is None and error is not exc:
            _log.error("%s %s failed", ctx.method, ascii(ctx.path), exc_info=exc)
            handler = self._compiled.get(500)
        if handler is None:
            return error_response(ctx, error, None if error is exc else exc)
        try:
            answer = handler.call(ctx, exc)
            return respond(await answer if handler.waits else answer)
        except HTTPError as other:
            return error_response(ctx, other)
        except Exception as second:
            self.errors += 1
            _log.error("an error handler failed", exc_info=second)
            return error_response(ctx, HTTPError(500), second)

    def _nearest(self, exc: Exception) -> Hook | None:
        # A status says more than a type: 404 goes before HTTPError.
        if isinstance(exc, HTTPError) and exc.status in self._compiled:
            return self._compiled[exc.status]
        types = (kind for kind in type(exc).__mro__ if kind in self._compiled)
        nearest = next(types, None)
        return None if nearest is None else self._compiled[nearest]

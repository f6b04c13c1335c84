"""One base; then what the client did wrong (HTTPError) apart from what the program did wrong."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class WebError(Exception):
    """The base of everything mizzen.web raises."""

    def __reduce__(self) -> tuple[Any, ...]:
        # Subclasses take what arguments they like; pickling must not depend on them.
        return _revive, (type(self), self.args, self.__dict__)


def _revive(cls: type[WebError], args: tuple[Any, ...], state: dict[str, Any]) -> WebError:
    error = cls.__new__(cls)
    error.args = args
    error.__dict__.update(state)
    return error


class DefinitionError(WebError):
    """A route, hook or handler cannot work as written; fix the definition."""


class UnknownRoute(WebError):
    """No route has this name, or its URL cannot be built from these values; fix the call."""


class MissingExtra(WebError):
    """An optional library is needed; the message names the extra that brings it."""


class ViewError(WebError):
    """A template or its folder is missing; fix `views=` or add the file."""


class AddressInUse(WebError):
    """Another program listens on this port; choose another, or 0 for any free one."""


class ServerFailed(WebError):
    """The server stopped by itself; the cause is attached."""


class ClientGone(WebError):
    """The client went away while its request was read; there is nobody to answer."""


class FieldError(TypedDict, total=False):
    """One bad value: where it stood, its name, what is wrong with it."""

    where: str
    field: str
    detail: str
    pointer: str


class HTTPError(WebError):
    """Raise it anywhere in a request to answer with this status.

    `detail` is shown to the client. `errors` names bad fields. `headers` are added to the answer.
    """

    def __init__(
        self,
        status: int,
        detail: str = "",
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status = status
        self.detail = detail
        self.errors: list[FieldError] = list(errors)
        self.headers: dict[str, str] = dict(headers or {})
        super().__init__(f"{status} {self.title}" + (f": {detail}" if detail else ""))

    @property
    def title(self) -> str:
        """The status in words."""
        try:
            return HTTPStatus(self.status).phrase
        except ValueError:
            return "Error"


class BadRequest(HTTPError):
    """400: the request is malformed."""

    def __init__(self, detail: str = "") -> None:
        super().__init__(400, detail)


class Unauthorized(HTTPError):
    """401: the client has to say who it is."""

    def __init__(self, detail: str = "", *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(401, detail, headers=headers)


class Forbidden(HTTPError):
    """403: the client is known, and may not."""

    def __init__(self, detail: str = "") -> None:
        super().__init__(403, detail)


class NotFound(HTTPError):
    """404: there is no such thing, or the client may not know that there is."""

    def __init__(self, detail: str = "") -> None:
        super().__init__(404, detail)


class Conflict(HTTPError):
    """409: the thing changed, or exists already."""

    def __init__(self, detail: str = "") -> None:
        super().__init__(409, detail)


class Invalid(HTTPError):
    """422: well-formed, but a value is wrong; `errors` says which."""

    def __init__(self, detail: str = "", errors: Sequence[FieldError] = ()) -> None:
        super().__init__(422, detail, errors=errors)

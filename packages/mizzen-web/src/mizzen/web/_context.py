"""One request, as a handler sees it: everything is read when it is asked for, and once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

import msgspec

from ._cookies import expired_cookie, read_cookies, set_cookie
from ._errors import BadRequest, ClientGone, HTTPError
from ._flash import COOKIE, LIFETIME, Flash, pack, unpack
from ._forms import Form, read_multipart
from ._responses import HTML, Redirect
from ._values import Headers, Values, read_urlencoded

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AsyncExitStack

    from ._cookies import SameSite
    from ._units import Duration
    from ._web import Web
    from .abc import Receive, Scope

T = TypeVar("T")

_HOST = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?")


class Context:
    """The request, and the way back: cookies, flashes, rendering, redirecting.

    `state` is a place for hooks to leave values; `params` holds the path's parameters.
    """

    # Defaults stand on the class, so that a request pays only for what it uses.
    params: dict[str, Any]
    out: list[tuple[bytes, bytes]] | None = None  # headers for whatever response this becomes
    made: dict[Any, Any] | None = None  # what factories made for this request
    cleanup: AsyncExitStack | None = None  # and how it ends
    _state: dict[str, Any] | None = None
    _headers: Headers | None = None
    _query: Values | None = None
    _cookies: dict[str, str] | None = None
    _body: bytes | None = None
    _form: Form | None = None
    _flashes: list[Flash] | None = None

    def __init__(self, web: Web, scope: Scope, receive: Receive, max_body: int) -> None:
        self.web: Web = web
        self.scope: Scope = scope
        self.method: str = scope["method"]
        self.params = {}
        self.max_body: int = max_body
        self._receive = receive

    @property
    def path(self) -> str:
        """The decoded path as the client asked for it, mount prefixes included."""
        return str(self.scope["path"])

    @property
    def state(self) -> dict[str, Any]:
        """Values of this request, for hooks and handlers to share."""
        if self._state is None:
            self._state = {}
        return self._state

    @property
    def headers(self) -> Headers:
        """The request's headers, by name in any case."""
        if self._headers is None:
            self._headers = Headers(self.scope["headers"])
        return self._headers

    @property
    def query(self) -> Values:
        """The query's fields; bad UTF-8 is a 400."""
        if self._query is None:
            raw = self.scope.get("query_string", b"")
            self._query = Values(read_urlencoded(raw, self.web.max_fields) if raw else ())
        return self._query

    @property
    def cookies(self) -> dict[str, str]:
        """The request's cookies."""
        if self._cookies is None:
            self._cookies = read_cookies(self.headers.all("cookie"))
        return self._cookies

    @property
    def content_type(self) -> str:
        """The body's media type in lower case, without parameters; empty if there is none."""
        for name, value in self.scope["headers"]:
            if name == b"content-type":
                return str(value.decode("latin-1")).partition(";")[0].strip().lower()
        return ""

    @property
    def host(self) -> str:
        """The Host header; a missing, doubled or malformed one is a 400."""
        hosts = self.headers.all("host")
        if len(hosts) != 1 or not _HOST.fullmatch(hosts[0]):
            raise BadRequest("The Host header is missing or malformed.")
        return hosts[0]

    @property
    def wants_html(self) -> bool:
        """Whether the client is a browser asking for a page."""
        return any(n == b"accept" and b"text/html" in v for n, v in self.scope["headers"])

    @property
    def user(self) -> Any:
        """Who asks: what an authentication layer left in the scope, else None."""
        return self.scope.get("user")

    async def stream(self) -> AsyncIterator[bytes]:
        """Yield the body as it arrives; over the limit is a 413, a client that left ClientGone."""
        limit = self.max_body
        for name, value in self.scope["headers"]:
            if name == b"content-length" and value.isdigit() and int(value[:20]) > limit:
                raise _too_large(limit)
        read, more = 0, True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone("the client left before its request was complete")
            chunk: bytes = message.get("body", b"")
            more = message.get("more_body", False)
            read += len(chunk)
            if read > limit:
                raise _too_large(limit)
            if chunk:
                yield chunk

    async def body(self) -> bytes:
        """Return the whole body."""
        if self._body is None:
            self._body = b"".join([chunk async for chunk in self.stream()])
        return self._body

    async def json(self) -> Any:
        """Return the body as plain JSON values; malformed is a 400."""
        try:
            return msgspec.json.decode(await self.body())
        except msgspec.DecodeError as exc:
            raise BadRequest(f"The body is not JSON: {exc}.") from exc

    async def form(self) -> Form:
        """Return the form in the body, of either encoding; another content type is a 415."""
        if self._form is None:
            limit = self.web.max_fields
            if self.content_type == "application/x-www-form-urlencoded":
                self._form = Form(read_urlencoded(await self.body(), limit))
            elif self.content_type == "multipart/form-data":
                self._form = await read_multipart(
                    self.stream(),
                    self.headers["content-type"],
                    max_fields=limit,
                    max_files=self.web.max_files,
                )
            else:
                raise HTTPError(415, "The body has to be a form.")
        return self._form

    def use(self, kind: type[T]) -> T:
        """Return the provided value of a type, as a parameter of that type would get it."""
        return self.web.provided(kind)

    def url(self, name: str, /, *, absolute: bool = False, **params: Any) -> str:
        """Return the URL of a named route, mount prefix included; further values are its query."""
        path = quote(self.scope.get("root_path", "")) + self.web.url(name, **params)
        return f"{self.scope.get('scheme', 'http')}://{self.host}{path}" if absolute else path

    def redirect(self, to: str, /, status: int = 303, **params: Any) -> Redirect:
        """Return a redirect to a path (it starts with "/") or to a named route."""
        return Redirect(to if to.startswith("/") else self.url(to, **params), status)

    def render(self, template: str, /, status: int = 200, **values: Any) -> HTML:
        """Return a page; templates also see `ctx`, `url`, `flashes` and the helpers."""
        return HTML(self.web.views.render(template, self, values), status)

    def flash(self, message: str, kind: str = "notice") -> None:
        """Leave a message for the next page that shows `flashes()`, this one included."""
        self._pending().append(Flash(kind, message))
        self._keep_flashes()

    def flashes(self) -> list[Flash]:
        """Return the messages left by earlier requests, and take them out of the cookie."""
        messages = list(self._pending())
        if messages:
            self._pending().clear()
            self._keep_flashes()
        return messages

    def set_cookie(
        self,
        name: str,
        value: str,
        *,
        max_age: Duration | None = None,
        path: str = "/",
        domain: str | None = None,
        secure: bool | None = None,
        http_only: bool = True,
        same_site: SameSite = "lax",
    ) -> None:
        """Set a cookie on whatever response this becomes; Secure by default over https."""
        self._add_cookie(
            set_cookie(
                name,
                value,
                max_age=max_age,
                path=path,
                domain=domain,
                secure=self.scope.get("scheme") == "https" if secure is None else secure,
                http_only=http_only,
                same_site=same_site,
            )
        )

    def delete_cookie(self, name: str, *, path: str = "/", domain: str | None = None) -> None:
        """Make the browser forget a cookie."""
        self._add_cookie(expired_cookie(name, path=path, domain=domain))

    def _pending(self) -> list[Flash]:
        if self._flashes is None:
            self._flashes = unpack(self.cookies.get(COOKIE, ""))
        return self._flashes

    def _keep_flashes(self) -> None:
        name = COOKIE.encode() + b"="
        self.out = [p for p in self.out or () if not p[1].startswith(name)]
        packed = pack(self._pending())
        if packed:
            self.set_cookie(COOKIE, packed, max_age=LIFETIME)
        elif COOKIE in self.cookies:
            self.delete_cookie(COOKIE)

    def _add_cookie(self, cookie: str) -> None:
        if self.out is None:
            self.out = []
        self.out.append((b"set-cookie", cookie.encode("latin-1")))

    @property
    def unfinished(self) -> bool:
        """Whether something was opened that `end` has to close."""
        return self.cleanup is not None or self._form is not None

    async def end(self, failure: BaseException | None) -> None:
        """Close what was opened for this request; a failure is shown to what was provided."""
        if self._form is not None:
            self._form.close()
            self._form = None
        stack, self.cleanup = self.cleanup, None
        if stack is not None:
            kind = type(failure) if failure else None
            await stack.__aexit__(kind, failure, failure.__traceback__ if failure else None)

    def __repr__(self) -> str:
        return f"<mizzen.web.Context {self.method} {self.path}>"


def _too_large(limit: int) -> HTTPError:
    return HTTPError(413, f"The body is larger than {limit} bytes.")

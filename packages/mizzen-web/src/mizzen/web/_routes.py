"""Defining routes: on the whole site, or in a group with a prefix and hooks of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from ._controller import REST, Controller, check_controller
from ._errors import DefinitionError
from ._hooks import KNOWN, HookList, add_hook
from ._pattern import Pattern
from ._signature import Parameter, name_of, read_parameters
from ._units import Size, size

if TYPE_CHECKING:
    from ._web import Web
    from .abc import ASGIApp

F = TypeVar("F", bound=Callable[..., Any])

_KIND_OF = {int: "int", UUID: "uuid"}


@dataclass(frozen=True, slots=True)
class Route:
    """One method and path, and what answers it."""

    method: str
    pattern: Pattern
    name: str | None
    handler: Callable[..., Any]
    parameters: list[Parameter]
    hooks: tuple[HookList, ...]
    controller: type[Controller] | None
    max_body: int | None

    @property
    def key(self) -> tuple[str, str]:
        """What a later definition has to share to replace this one."""
        return self.method, self.pattern.key

    @property
    def handler_name(self) -> str:
        """The handler as a reader of the table knows it."""
        if self.controller is not None:
            return f"{self.controller.__qualname__}.{self.handler.__name__}"
        return name_of(self.handler)


class Routes:
    """What a site and its groups share: the decorators."""

    def __init__(self, site: Web, prefix: str, name: str, hooks: tuple[HookList, ...]) -> None:
        self._site = site
        self._prefix = prefix
        self._name = name
        self._hooks = hooks

    def get(self, path: str, *, name: str | None = None) -> Callable[[F], F]:
        """Answer GET, and HEAD with it."""
        return self.route("GET", path, name=name)

    def post(
        self, path: str, *, name: str | None = None, max_body: Size | None = None
    ) -> Callable[[F], F]:
        """Answer POST."""
        return self.route("POST", path, name=name, max_body=max_body)

    def put(
        self, path: str, *, name: str | None = None, max_body: Size | None = None
    ) -> Callable[[F], F]:
        """Answer PUT, and forms that say `_method=put`."""
        return self.route("PUT", path, name=name, max_body=max_body)

    def patch(
        self, path: str, *, name: str | None = None, max_body: Size | None = None
    ) -> Callable[[F], F]:
        """Answer PATCH, and forms that say `_method=patch`."""
        return self.route("PATCH", path, name=name, max_body=max_body)

    def delete(
        self, path: str, *, name: str | None = None, max_body: Size | None = None
    ) -> Callable[[F], F]:
        """Answer DELETE, and forms that say `_method=delete`."""
        return self.route("DELETE", path, name=name, max_body=max_body)

    def route(
        self, method: str, path: str, *, name: str | None = None, max_body: Size | None = None
    ) -> Callable[[F], F]:
        """Answer a method of any name; the same method and path again replaces the handler."""

        def define(function: F) -> F:
            self._define(method.upper(), path, function, name=name, max_body=max_body)
            return function

        return define

    def resources(
        self,
        path: str,
        controller: type[Controller],
        *,
        only: Iterable[str] | None = None,
        except_: Iterable[str] = (),
        param: str = "id",
        name: str | None = None,
    ) -> None:
        """Route the REST actions that a controller has.

        `resources("gists", Gists)` names its routes `gists` (index, create), `new_gist`, `gist`
        (show, update, destroy) and `edit_gist`. `only` and `except_` choose among the actions.
        A path with parameters nests: `resources("gists/{gist_id}/files", Files)` names
        `gist_files`, `gist_file`…
        """
        plural, one = _names(path) if name is None else (name, _singular(name))
        wanted = set(only) if only is not None else set(REST)
        unknown = (wanted | set(except_)) - set(REST)
        if unknown:
            raise DefinitionError(f"{', '.join(sorted(unknown))}: not among {', '.join(REST)}")
        base = "/" + path.strip("/")
        names = {"index": plural, "create": plural, "new": f"new_{one}", "edit": f"edit_{one}"}
        for action in check_controller(controller):
            if action not in wanted or action in except_:
                continue
            method, suffix, member = REST[action]
            full = base + (f"/{{{param}}}" if member else "") + suffix
            function = getattr(controller, action)
            for verb in ("PATCH", "PUT") if action == "update" else (method,):
                self._define(verb, full, function, name=names.get(action, one), owner=controller)

    def group(self, prefix: str, *, name: str = "") -> Group:
        """Return a group: its routes start with the prefix, its hooks cover only them."""
        return Group(self._site, self._prefix + prefix.rstrip("/"), self._named(name) or "", self)

    def mount(self, prefix: str, app: ASGIApp) -> None:
        """Hand everything under a prefix, WebSockets too, to another ASGI app.

        The app sees the full path and the prefix as `root_path`, as ASGI has it. Routes go first,
        then the longest prefix. Its lifespan is not run.
        """
        self._site.define_mount(self._prefix + "/" + prefix.strip("/"), app)

    def before(self, function: F) -> F:
        """Run a function before these routes' handlers; what it returns answers in their place."""
        add_hook(self._hooks[-1].before, function)
        self._site.changed()
        return function

    def after(self, function: F) -> F:
        """Run a function after these routes' handlers; it may take `response` and replace it."""
        add_hook(self._hooks[-1].after, function)
        self._site.changed()
        return function

    def _named(self, name: str | None) -> str | None:
        return f"{self._name}_{name}" if name and self._name else name or self._name or None

    def _define(
        self,
        method: str,
        path: str,
        function: Callable[..., Any],
        *,
        name: str | None = None,
        max_body: Size | None = None,
        owner: type[Controller] | None = None,
    ) -> None:
        full = (self._prefix + path) if path != "/" or not self._prefix else self._prefix
        parameters = read_parameters(function, method=owner is not None, known=KNOWN)
        kinds = {p.name: _KIND_OF[p.annotation] for p in parameters if p.annotation in _INTS}
        self._site.define(
            Route(
                method,
                Pattern(full, kinds),
                self._named(name) if name else None,
                function,
                parameters,
                self._hooks,
                owner,
                None if max_body is None else size(max_body),
            )
        )


_INTS = (int, UUID)


class Group(Routes):
    """Routes under one prefix, with hooks of their own."""

    def __init__(self, site: Web, prefix: str, name: str, outer: Routes) -> None:
        super().__init__(site, prefix, name, (*outer._hooks, HookList()))

    def __repr__(self) -> str:
        return f"<mizzen.web.Group {self._prefix}>"


def _names(path: str) -> tuple[str, str]:
    fixed = [part.replace("-", "_") for part in path.strip("/").split("/") if "{" not in part]
    outer = "".join(_singular(part) + "_" for part in fixed[:-1])
    return outer + fixed[-1], outer + _singular(fixed[-1])


def _singular(word: str) -> str:
    if word.endswith("ies"):
        return word[:-3] + "y"
    if word.endswith(("sses", "shes", "ches", "xes")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word

"""Controllers: a class per resource, an instance per request, hooks by action.

class Gists(Controller):
    @before(only=["show", "edit", "update"])
    async def load(self, id: int) -> None: ...

    async def show(self) -> HTML:
        return self.render("gists/show.html", gist=self.gist)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from inspect import getmembers, iscoroutinefunction, isfunction
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, overload

from ._answers import respond
from ._binding import Binder
from ._errors import DefinitionError
from ._hooks import KNOWN, Call, Hook, compile_hook
from ._responses import HTML, Redirect, Response
from ._signature import read_parameters

if TYPE_CHECKING:
    from ._context import Context
    from ._services import Services

F = TypeVar("F", bound=Callable[..., Any])

_MARK = "__mizzen_hook__"


class Controller:
    """The base of controllers; `ctx` is the request."""

    ctx: Context

    @property
    def params(self) -> dict[str, Any]:
        """The parameters of the path."""
        return self.ctx.params

    def render(self, template: str, /, status: int = 200, **values: Any) -> HTML:
        """Return a page."""
        return self.ctx.render(template, status, **values)

    def redirect(self, to: str, /, status: int = 303, **params: Any) -> Redirect:
        """Return a redirect to a path or a named route."""
        return self.ctx.redirect(to, status, **params)

    def flash(self, message: str, kind: str = "notice") -> None:
        """Leave a message for the next page."""
        self.ctx.flash(message, kind)


class Action(NamedTuple):
    """One of the seven: its method, and its path under the resource."""

    method: str
    path: str
    member: bool


# `new` stands before `show`, as it reads; the router would prefer fixed text anyhow.
REST: dict[str, Action] = {
    "index": Action("GET", "", False),
    "new": Action("GET", "/new", False),
    "create": Action("POST", "", False),
    "show": Action("GET", "", True),
    "edit": Action("GET", "/edit", True),
    "update": Action("PATCH", "", True),
    "destroy": Action("DELETE", "", True),
}


@dataclass(frozen=True, slots=True)
class _Mark:
    when: str
    only: frozenset[str] | None
    without: frozenset[str]

    def covers(self, action: str) -> bool:
        return (self.only is None or action in self.only) and action not in self.without


@overload
def before(function: F, /) -> F: ...
@overload
def before(*, only: Iterable[str] = ..., except_: Iterable[str] = ...) -> Callable[[F], F]: ...
def before(function: Any = None, /, **actions: Any) -> Any:
    """Mark a controller's method to run before its actions; returning something answers."""
    return _mark("before", function, **actions)


@overload
def after(function: F, /) -> F: ...
@overload
def after(*, only: Iterable[str] = ..., except_: Iterable[str] = ...) -> Callable[[F], F]: ...
def after(function: Any = None, /, **actions: Any) -> Any:
    """Mark a controller's method to run after its actions; it may take `response`."""
    return _mark("after", function, **actions)


def _mark(
    when: str, function: Any, *, only: Iterable[str] | None = None, except_: Iterable[str] = ()
) -> Any:
    mark = _Mark(when, None if only is None else frozenset(only), frozenset(except_))

    def put(method: Any) -> Any:
        setattr(method, _MARK, (*getattr(method, _MARK, ()), mark))
        return method

    return put if function is None else put(function)


def check_controller(controller: type[Controller]) -> list[str]:
    """Return the REST actions that a controller has; hooks that name no method are refused."""
    methods = dict(getmembers(controller, isfunction))
    for name, method in methods.items():
        for mark in getattr(method, _MARK, ()):
            unknown = ((mark.only or frozenset[str]()) | mark.without) - set(methods)
            if unknown:
                raise DefinitionError(
                    f"{controller.__qualname__}.{name} is a hook of {', '.join(sorted(unknown))}, "
                    "which the controller doesn't have"
                )
    return [name for name in REST if name in methods]


def compile_action(
    controller: type[Controller],
    action: str,
    services: Services,
    *,
    path: tuple[str, ...],
    method: str,
) -> Call:
    """Compile an action with its hooks into one call."""
    function = getattr(controller, action)
    own_init = controller.__init__ is not object.__init__
    wanted = read_parameters(controller.__init__, method=True, known=KNOWN) if own_init else []
    build = Binder(controller, wanted, services, path=path, method=method)
    parameters = read_parameters(function, method=True, known=KNOWN)
    binder = Binder(function, parameters, services, path=path, method=method)
    hooks: dict[str, list[Hook]] = {"before": [], "after": []}
    for hook, mark in _hooks(controller):
        if mark.covers(action):
            about, kind = ("response", Response) if mark.when == "after" else (None, None)
            hooks[mark.when].append(
                compile_hook(
                    hook,
                    services,
                    path=path,
                    method=method,
                    about=about,
                    about_type=kind,
                    bound=True,
                )
            )

    act = partial(_in_thread, function) if not iscoroutinefunction(function) else function
    befores, afters = hooks["before"], hooks["after"]

    async def run(ctx: Context) -> Response:
        instance = controller(**await build.gather_all(ctx)) if wanted else controller()
        instance.ctx = ctx
        for hook, waits in befores:
            answer = hook(ctx, None, instance)
            if waits:
                answer = await answer
            if answer is not None:
                response = respond(answer)
                break
        else:
            response = respond(await act(instance, **await binder.gather_all(ctx)))
        for hook, waits in afters:
            answer = hook(ctx, response, instance)
            if waits:
                answer = await answer
            if answer is not None:
                response = respond(answer)
        return response

    return run


async def _in_thread(function: Callable[..., Any], *owner: Any, **values: Any) -> Any:
    import anyio.to_thread

    return await anyio.to_thread.run_sync(partial(function, *owner, **values))


def _hooks(controller: type[Controller]) -> list[tuple[Callable[..., Any], _Mark]]:
    # Base classes first, then as written; an override takes the place of what it overrides.
    found: dict[str, Callable[..., Any]] = {}
    for base in reversed(controller.__mro__):
        for name in vars(base):
            method = getattr(controller, name, None)
            if getattr(method, _MARK, ()) and callable(method):
                found[name] = method
    return [(method, mark) for method in found.values() for mark in getattr(method, _MARK)]

"""Before and after hooks, fused with the handler into one call per route.

A `before` hook that returns something answers in the handler's place; the rest of the befores and
the handler are skipped. `after` hooks see every response of the routes they cover, those included,
but not errors; what they return, if anything, replaces the response. Hooks run on the event loop,
plain functions too: at 0.1 µs a thread would cost a thousand times the hook.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from inspect import isawaitable, iscoroutinefunction
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from ._answers import respond
from ._binding import Binder
from ._context import Context
from ._responses import Response
from ._signature import REQUIRED, Parameter, read_parameters

if TYPE_CHECKING:
    from ._services import Services

Run: TypeAlias = Callable[[Context], Awaitable[Response]]
Call: TypeAlias = Callable[[Context], Awaitable[Any]]
# A compiled function: called with the context, and what it is about (a response, an error, self).
Caller: TypeAlias = Callable[..., Any]

KNOWN: dict[str, Any] = {"Context": Context, "Response": Response}


class Hook(NamedTuple):
    """A compiled hook and whether its result has to be awaited."""

    call: Caller
    waits: bool


class HookList:
    """The before and after hooks of one scope: the whole site, or a group."""

    def __init__(self) -> None:
        self.before: list[Callable[..., Any]] = []
        self.after: list[Callable[..., Any]] = []


def add_hook(hooks: list[Callable[..., Any]], function: Callable[..., Any]) -> None:
    """Append a hook; one defined again under the same name, as in a re-run cell, is replaced."""
    read_parameters(function, known=KNOWN)  # what cannot be resolved fails here
    name = f"{function.__module__}.{getattr(function, '__qualname__', '<locals>')}"
    if "<" not in name:
        for at, other in enumerate(hooks):
            if f"{other.__module__}.{getattr(other, '__qualname__', '')}" == name:
                hooks[at] = function
                return
    hooks.append(function)


def compile_hook(
    function: Callable[..., Any],
    services: Services,
    *,
    path: Iterable[str] = (),
    method: str = "GET",
    about: str | None = None,
    about_type: type | None = None,
    bound: bool = False,
) -> Hook:
    """Compile a hook to `call(ctx, about)`, or to `call(ctx, about, self)` if it is a method.

    `about` is the name of the parameter that gets the response or error, also met by its type;
    any other parameter without an annotation gets the context.
    """
    waits = iscoroutinefunction(function)
    rest: list[Parameter] = []
    names: list[str] = []
    for parameter in read_parameters(function, method=bound, known=KNOWN):
        if about is not None and _is_about(parameter, about, about_type):
            names.append(parameter.name)
        elif parameter.annotation is REQUIRED:
            rest.append(Parameter(parameter.name, Context, parameter.default))
        else:
            rest.append(parameter)
    if not bound and not names and len(rest) == 1 and rest[0].annotation is Context:

        def direct(ctx: Context, about: Any) -> Any:
            return function(ctx)

        return Hook(direct, waits)
    binder = Binder(function, rest, services, path=path, method=method)

    if binder.later:

        async def wait(ctx: Context, about: Any, *owner: Any) -> Any:
            values = await binder.gather_all(ctx)
            result = function(*owner, **values, **dict.fromkeys(names, about))
            return await result if waits else result

        return Hook(wait, True)

    def call(ctx: Context, about: Any, *owner: Any) -> Any:
        return function(*owner, **binder.gather(ctx), **dict.fromkeys(names, about))

    return Hook(call, waits)


def _is_about(parameter: Parameter, about: str, kind: type | None) -> bool:
    annotation = parameter.annotation
    if isinstance(annotation, type) and kind is not None:
        return issubclass(annotation, kind)
    return parameter.name == about


def compile_call(function: Callable[..., Any], binder: Binder) -> Call:
    """Compile a handler to `call(ctx)`; a plain function runs in a worker thread."""
    if not iscoroutinefunction(function):
        return partial(_in_thread, function, binder)
    if binder.later:

        async def bind_and_call(ctx: Context) -> Any:
            return await function(**await binder.gather_all(ctx))

        return bind_and_call
    getters = binder.now
    if not getters:
        return lambda ctx: function()
    if len(getters) == 1:
        name, get = getters[0]
        return lambda ctx: function(**{name: get(ctx)})
    return lambda ctx: function(**binder.gather(ctx))


async def _in_thread(function: Callable[..., Any], binder: Binder, ctx: Context) -> Any:
    import anyio.to_thread

    values = await binder.gather_all(ctx)
    result = await anyio.to_thread.run_sync(partial(function, **values))
    # A lambda may well return a coroutine; async generators are left to stream.
    return await result if isawaitable(result) else result


def fuse(call: Call, before: Sequence[Hook], after: Sequence[Hook]) -> Run:
    """Return the one call that runs the hooks around a handler and makes the response."""
    if not before and not after:

        async def run(ctx: Context) -> Response:
            return respond(await call(ctx))

        return run

    async def run_hooked(ctx: Context) -> Response:
        for hook, waits in before:
            answer = hook(ctx, None)
            if waits:
                answer = await answer
            if answer is not None:
                response = respond(answer)
                break
        else:
            response = respond(await call(ctx))
        for hook, waits in after:
            answer = hook(ctx, response)
            if waits:
                answer = await answer
            if answer is not None:
                response = respond(answer)
        return response

    return run_hooked

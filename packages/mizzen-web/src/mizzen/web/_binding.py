"""Filling a function's parameters from a request, compiled once into a list of getters.

A parameter is, in this order: what its marker says (`Query`, `Header`, `Cookie`, `Body`); the
Context; a parameter of the path; something provided, by type; a file; the body, if its type has
fields (from the query where the method has no body); a field of the query.
"""

from __future__ import annotations

import types
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from typing import TYPE_CHECKING, Any, TypeAlias

from ._context import Context
from ._errors import DefinitionError, FieldError, HTTPError, Invalid, NotFound
from ._forms import Upload
from ._shape import (
    Where,
    fields_reader,
    invalid,
    is_list,
    is_scalar,
    is_structured,
    is_text,
    json_reader,
    members,
    text_reader,
)
from ._signature import (
    REQUIRED,
    Body,
    Cookie,
    Header,
    Parameter,
    Query,
    name_of,
    read_parameters,
)

if TYPE_CHECKING:
    from ._services import Services

Getter: TypeAlias = Callable[[Context], Any]
AsyncGetter: TypeAlias = Callable[[Context], Awaitable[Any]]

_BODILESS = frozenset({"GET", "HEAD", "OPTIONS"})
_FORMS = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})


class Binder:
    """The compiled parameters of one function, as used by one route."""

    def __init__(
        self,
        function: Callable[..., Any],
        parameters: Iterable[Parameter],
        services: Services,
        *,
        path: Iterable[str] = (),
        method: str = "GET",
        making: tuple[Any, ...] = (),
    ) -> None:
        self._function = function
        self._services = services
        self._path = set(path)
        self._method = method
        self._making = making
        self._body: str | None = None
        self.now: list[tuple[str, Getter]] = []
        self.later: list[tuple[str, AsyncGetter]] = []
        for parameter in parameters:
            self._compile(parameter)

    def gather(self, ctx: Context) -> dict[str, Any]:
        """Return the arguments that need no waiting; all bad values are reported together."""
        try:
            return {name: get(ctx) for name, get in self.now}
        except Invalid as exc:
            raise self._all_errors(ctx, exc) from None

    async def gather_all(self, ctx: Context) -> dict[str, Any]:
        """Return every argument."""
        values = self.gather(ctx)
        for name, get in self.later:
            values[name] = await get(ctx)
        return values

    def _all_errors(self, ctx: Context, first: Invalid) -> Invalid:
        errors: list[FieldError] = []
        for _, get in self.now:
            try:
                get(ctx)
            except Invalid as exc:
                errors += exc.errors
        if len(errors) < 2:
            return first
        return Invalid("; ".join(f"{e.get('field')}: {e.get('detail')}" for e in errors), errors)

    def _compile(self, p: Parameter) -> None:
        kind = str if p.annotation is REQUIRED else p.annotation
        if p.marker is not None:
            self._marked(replace(p, annotation=kind))
        elif kind is Context or (p.annotation is REQUIRED and p.name in {"ctx", "context"}):
            self.now.append((p.name, _itself))
        elif p.name in self._path:
            self.now.append((p.name, _path_getter(p.name, kind)))
        elif self._services.knows(kind):
            self._service(p.name, kind)
        elif Upload in members(kind) or (is_list(kind) and Upload in _arguments(kind)):
            self.later.append((p.name, _file_getter(p, kind)))
        elif is_structured(kind):
            self._structured(p, kind)
        elif is_scalar(kind):
            self.now.append((p.name, _field_getter(replace(p, annotation=kind), "query", p.name)))
        elif p.default is not REQUIRED:
            self.now.append((p.name, _constant(p.default)))
        else:
            self._service(p.name, kind)

    def _marked(self, p: Parameter) -> None:
        match p.marker:
            case Query(name):
                self.now.append((p.name, _field_getter(p, "query", name or p.name)))
            case Header(name):
                header = name or p.name.replace("_", "-")
                self.now.append((p.name, _field_getter(p, "header", header)))
            case Cookie(name):
                self.now.append((p.name, _field_getter(p, "cookie", name or p.name)))
            case Body() | None:
                self._take_body(p.name)
                self.later.append((p.name, _body_getter(p, p.annotation, forms=False)))

    def _structured(self, p: Parameter, kind: Any) -> None:
        if self._method in _BODILESS:
            read = fields_reader(kind, "query")
            self.now.append((p.name, lambda ctx: read(ctx.query)))
        else:
            self._take_body(p.name)
            self.later.append((p.name, _body_getter(p, kind, forms=True)))

    def _take_body(self, name: str) -> None:
        if self._body is not None:
            raise DefinitionError(
                f"{name_of(self._function)}(): {self._body!r} and {name!r} would both be the body; "
                "put them into one class, or provide one of them"
            )
        self._body = name

    def _service(self, name: str, kind: Any) -> None:
        factory = self._services.factory(kind)
        if factory is None:
            services = self._services
            if services.knows(kind):
                self.now.append((name, _constant(services.value(kind))))
            else:  # may be provided yet: the answer is an error only when a request needs it
                self.now.append((name, lambda ctx: services.value(kind)))
            return
        if kind in self._making:
            raise DefinitionError(f"{name_of(factory)}() needs itself to make its value")
        self.later.append((name, self._maker(kind, factory)))

    def _maker(self, kind: Any, factory: Callable[..., Any]) -> AsyncGetter:
        binder = Binder(
            factory,
            read_parameters(factory, known={"Context": Context}),
            self._services,
            path=self._path,
            method=self._method,
            making=(*self._making, kind),
        )
        opened: Callable[..., Any] | None = None
        if isasyncgenfunction(factory):
            opened = asynccontextmanager(factory)
        elif isgeneratorfunction(factory):
            opened = contextmanager(factory)

        async def make(ctx: Context) -> Any:
            made = ctx.made
            if made is None:
                made = ctx.made = {}
            if kind in made:
                return made[kind]
            values = await binder.gather_all(ctx)
            if opened is not None:
                if ctx.cleanup is None:
                    ctx.cleanup = AsyncExitStack()
                entered = opened(**values)
                if isasyncgenfunction(factory):
                    value = await ctx.cleanup.enter_async_context(entered)
                else:
                    value = ctx.cleanup.enter_context(entered)
            else:
                value = factory(**values)
                if iscoroutinefunction(factory):
                    value = await value
            made[kind] = value
            return value

        return make


def _itself(ctx: Context) -> Context:
    return ctx


def _constant(value: Any) -> Getter:
    return lambda ctx: value


def _arguments(kind: Any) -> tuple[Any, ...]:
    return getattr(kind, "__args__", ())


def _path_getter(name: str, kind: Any) -> Getter:
    read = text_reader(kind, "path", name) or str

    def get(ctx: Context) -> Any:
        value = ctx.params[name]
        if value.__class__ is kind:
            return value
        try:
            return read(str(value))
        except Invalid:
            # A path that cannot be read leads to nothing, like any other unknown path.
            raise NotFound from None

    return get


def _field_getter(p: Parameter, where: Where, name: str) -> Getter:
    kind, default = p.annotation, p.default
    read, text, many = text_reader(kind, where, name), is_text(kind), is_list(kind)

    def get(ctx: Context) -> Any:
        if where == "query":
            source: Any = ctx.query
        else:
            source = ctx.headers if where == "header" else ctx.cookies
        if many:
            values = source.all(name) if where != "cookie" else [*filter(None, [source.get(name)])]
            if values or default is REQUIRED:
                return read(values) if read else values
            return default
        value = source.get(name)
        if value is None or (value == "" and not text):
            if default is REQUIRED:
                raise invalid(where, name, "is missing")
            return default
        return value if read is None else read(value)

    return get


def _file_getter(p: Parameter, kind: Any) -> AsyncGetter:
    async def get(ctx: Context) -> Any:
        form = await ctx.form()
        if is_list(kind):
            return form.files.get(p.name, [])
        upload = form.file(p.name)
        if upload is not None:
            return upload
        if types.NoneType in members(kind):
            return None
        raise invalid("body", p.name, "is missing")

    return get


def _body_getter(p: Parameter, kind: Any, *, forms: bool) -> AsyncGetter:
    read_json = json_reader(kind)
    read_form = fields_reader(kind, "body") if forms else None

    async def get(ctx: Context) -> Any:
        media = ctx.content_type
        # Only a declared type is read: another site's form can post text/plain without asking.
        if media == "application/json" or media.endswith("+json"):
            return read_json(await ctx.body())
        if media in _FORMS and read_form is not None:
            return read_form(await ctx.form())
        if not media and p.default is not REQUIRED and not await ctx.body():
            return p.default
        wanted = "JSON or a form" if forms else "JSON"
        raise HTTPError(415, f"The body has to be {wanted}; its content type says so.")

    return get

"""Pages from Jinja2 templates: layouts, partials and macros are Jinja's own.

Everything is escaped, whatever the file is called, except in `*.txt`. In debug mode an unknown
name is an error and files are looked at again for every page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from ._errors import ViewError

if TYPE_CHECKING:
    from jinja2 import BaseLoader, Environment
    from markupsafe import Markup

    from ._context import Context

Source: TypeAlias = str | PathLike[str]
Sources: TypeAlias = Source | Sequence[Source] | Mapping[str, str]


class Views:
    """The templates of a site, from folders, packages, or a mapping of names to sources."""

    def __init__(self, sources: Sources | None, *, debug: bool) -> None:
        self._sources = sources
        self._debug = debug
        self._helpers: dict[str, Any] = {"form": form, "button": button}
        self._environment: Environment | None = None

    def add_helpers(self, helpers: Mapping[str, Any]) -> None:
        """Make values and functions known to every template."""
        self._helpers |= helpers
        if self._environment is not None:
            self._environment.globals.update(helpers)

    def render(self, template: str, ctx: Context | None, values: Mapping[str, Any]) -> str:
        """Return the text of a template."""
        environment = self._environment or self._open()
        from jinja2 import TemplateNotFound

        own = {} if ctx is None else {"ctx": ctx, "url": ctx.url, "flashes": ctx.flashes}
        try:
            return environment.get_template(template).render({**own, **values})
        except TemplateNotFound as exc:  # this one, or one that it includes
            raise ViewError(f"no template {exc.name!r} in {self._described()}") from exc

    def problem(self) -> str | None:
        """Return what is wrong with the folders, or None."""
        for source in self._listed():
            text = str(source)
            if not _in_package(text) and not Path(text).is_dir():
                return f"the folder {text!r} of views= doesn't exist"
        return None

    def _open(self) -> Environment:
        from jinja2 import Environment, StrictUndefined, Undefined

        problem = self.problem()
        if problem:
            raise ViewError(problem)
        environment = Environment(
            loader=self._loader(),
            autoescape=_escapes,  # noqa: S701  (it says no to *.txt only)
            undefined=StrictUndefined if self._debug else Undefined,
            auto_reload=self._debug,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.globals.update(self._helpers)
        self._environment = environment
        return environment

    def _loader(self) -> BaseLoader:
        from jinja2 import ChoiceLoader, DictLoader, FileSystemLoader, PackageLoader

        if isinstance(self._sources, Mapping):
            return DictLoader(self._sources)
        loaders: list[BaseLoader] = []
        for source in self._listed():
            if _in_package(str(source)):
                package, _, folder = str(source).partition(":")
                loaders.append(PackageLoader(package, folder or "templates"))
            else:
                loaders.append(FileSystemLoader(source))
        return ChoiceLoader(loaders)

    def _listed(self) -> list[Source]:
        if self._sources is None or isinstance(self._sources, Mapping):
            return []
        if isinstance(self._sources, str | PathLike):
            return [self._sources]
        return list(self._sources)

    def _described(self) -> str:
        if self._sources is None:
            return "a site without folders of them: give Web(views=...) one"
        return ", ".join(str(s) for s in self._listed()) or "the mapping given as views="


def _escapes(template: str | None) -> bool:
    return not (template or "").endswith(".txt")


def _in_package(source: str) -> bool:
    package, colon, _ = source.partition(":")
    return (
        bool(colon)
        and all(part.isidentifier() for part in package.split("."))
        and (
            len(package) > 1  # a Windows drive is no package
        )
    )


def form(
    action: str, method: str = "post", caller: Callable[[], str] | None = None, **attributes: Any
) -> Markup:
    """Open a form, or as `{% call form(url("gist", id=1), "delete") %}…{% endcall %}` enclose one.

    Methods that browsers don't know go as a POST with a hidden `_method`.
    """
    from markupsafe import Markup, escape

    method = method.lower()
    sent = method if method in {"get", "post"} else "post"
    extra = "".join(
        Markup(' {}="{}"').format(name.rstrip("_").replace("_", "-"), value)
        if value is not True
        else Markup(" {}").format(name.rstrip("_").replace("_", "-"))
        for name, value in attributes.items()
        if value is not None and value is not False
    )
    opening = Markup('<form action="{}" method="{}"{}>').format(action, sent, Markup(extra))  # noqa: S704
    if sent != method:
        opening += Markup('<input type="hidden" name="_method" value="{}">').format(method)
    return opening if caller is None else opening + escape(caller()) + Markup("</form>")


def button(label: str, action: str, method: str = "post", **attributes: Any) -> Markup:
    """Return a form of one button, for links that change something."""
    from markupsafe import Markup

    inner = Markup('<button type="submit">{}</button>').format(label)
    return form(action, method, lambda: inner, **attributes)

"""Where another process finds a job's function: by its module and name, never by its bytes."""

from __future__ import annotations

import contextlib
import importlib
import importlib.machinery
import importlib.util
import os
import sys
from typing import TYPE_CHECKING

from msgspec import Struct

from ._errors import BadJob

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from types import ModuleType

# The name multiprocessing gives to a script that is imported: programs know it.
_SCRIPT = "__mp_main__"

_loading = False


class Address(Struct, frozen=True):
    """A function's module and qualified name; *script* is the file of a program's own module."""

    module: str
    name: str
    script: str | None = None


def address_of(kind: str, fn: Callable[..., object]) -> Address:
    """Where *fn* is; BadJob when no other process could import it."""
    name = fn.__qualname__
    if "<" in name:
        raise BadJob(
            f"job {kind!r}: {name} is made while the program runs, and a process of its own "
            "couldn't import it: define it at the top level of a module"
        )
    if fn.__module__ != "__main__":
        return Address(fn.__module__, name)
    main = sys.modules["__main__"]
    spec = getattr(main, "__spec__", None)
    if spec is not None and spec.name != "__main__":
        return Address(spec.name, name)  # python -m package.module
    script = getattr(main, "__file__", None)
    if not isinstance(script, str) or not os.path.isfile(script):
        raise BadJob(
            f"job {kind!r} is defined in a notebook or a console, and a process of its own "
            "couldn't import it: put it into a module, and import it from there"
        )
    return Address(_SCRIPT, name, os.path.abspath(script))


def load(address: Address) -> object:
    """Import what stands at *address*; BadJob when nothing does."""
    with _importing():
        module = _script(address.script) if address.script else _module(address.module)
    found: object = module
    for part in address.name.split("."):
        if not hasattr(found, part):
            raise BadJob(
                f"{address.module} has no {address.name!r} when it is imported by another process"
            )
        found = getattr(found, part)
    return found


def _module(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as exc:
        if exc.name is None or not f"{name}.".startswith(f"{exc.name}."):
            raise  # one that it imports is missing
        raise BadJob(f"another process finds no module {name!r} on the Python path") from exc


def _script(path: str) -> ModuleType:
    if (known := sys.modules.get(_SCRIPT)) is not None:
        return known
    loader = importlib.machinery.SourceFileLoader(_SCRIPT, path)
    spec = importlib.util.spec_from_loader(_SCRIPT, loader)
    if spec is None:
        raise BadJob(f"{path} can't be imported")
    main = sys.modules["__main__"]
    module = sys.modules["__main__"] = sys.modules[_SCRIPT] = importlib.util.module_from_spec(spec)
    try:
        loader.exec_module(module)
    except BaseException:
        sys.modules["__main__"] = main
        del sys.modules[_SCRIPT]
        raise
    return module


@contextlib.contextmanager
def _importing() -> Generator[None]:
    global _loading
    _loading = True
    try:
        yield
    finally:
        _loading = False


def refuse_while_importing() -> None:
    """Raise when a module that is only imported for its jobs would run the whole program again."""
    if _loading:
        raise BadJob(
            "a process job's module starts a queue when it is imported: put the program "
            'under `if __name__ == "__main__":`'
        )

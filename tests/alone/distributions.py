"""What each distribution of the workspace says of itself, and what its sources import."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
STANDARD = sys.stdlib_module_names | {"compression"}  # Python's own since 3.14


@dataclass(frozen=True)
class Distribution:
    """One folder of `packages/`."""

    folder: Path

    @property
    def name(self) -> str:
        """The name to install it by."""
        return self.folder.name

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """Its `pyproject.toml`."""
        return tomllib.loads((self.folder / "pyproject.toml").read_text())

    @property
    def project(self) -> dict[str, Any]:
        """The table `[project]`."""
        return dict(self.manifest["project"])

    @property
    def module(self) -> str:
        """The one module that it brings, as `mizzen.cache`."""
        return str(self.manifest["tool"]["uv"]["build-backend"]["module-name"])

    @property
    def source(self) -> Path:
        """The folder of that module."""
        return self.folder.joinpath("src", *self.module.split("."))

    @property
    def required(self) -> set[str]:
        """The distributions that come along."""
        return {name_of(line) for line in self.project["dependencies"]}

    @property
    def extras(self) -> dict[str, list[str]]:
        """What comes along when asked for."""
        return dict(self.project.get("optional-dependencies", {}))

    def imports(self) -> Iterator[tuple[Path, str]]:
        """Yield each file with each module of others that it imports, or would."""
        for file in sorted(self.source.rglob("*.py")):
            for module in imported(ast.parse(file.read_text())):
                top = module.partition(".")[0]
                own = module == self.module or module.startswith(f"{self.module}.")
                if not own and top not in STANDARD:
                    yield file, module


DISTRIBUTIONS = [
    Distribution(path.parent) for path in sorted(ROOT.glob("packages/*/pyproject.toml"))
]


def name_of(requirement: str) -> str:
    """Return `sqlalchemy` for `SQLAlchemy[asyncio]>=2.1`."""
    found = re.match(r"[\w.-]+", requirement)
    assert found, requirement
    return re.sub(r"[-_.]+", "-", found[0]).lower()


def imported(tree: ast.AST) -> Iterator[str]:
    """Yield the absolute names that code imports, wherever; not those for type checkers only."""
    for node in ast.iter_child_nodes(tree):
        match node:
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                for branch in node.orelse:
                    yield from imported(branch)
                continue
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=str(module), names=names, level=0):
                namespace = module == "mizzen"
                yield from (f"mizzen.{alias.name}" for alias in names) if namespace else [module]
            case ast.Call(
                func=ast.Name(id="import_module") | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(module)), *_],
            ) if not module.startswith("."):
                yield module
            case _:
                pass
        yield from imported(node)


@cache
def owners() -> dict[str, list[str]]:
    """Return which distributions bring a top-level module, here."""
    return {top: [name_of(n) for n in names] for top, names in packages_distributions().items()}


def brought_by(module: str) -> set[str]:
    """Return the distributions that bring a module; those of ours by the workspace."""
    if module.startswith("mizzen."):
        ours = ".".join(module.split(".")[:2])
        return {each.name for each in DISTRIBUTIONS if each.module == ours}
    return set(owners().get(module.partition(".")[0], []))

"""The migrations in a folder: read from their files, checked, and put in order."""

from __future__ import annotations

import hashlib
import heapq
import sys
from dataclasses import dataclass
from functools import cached_property
from importlib.util import module_from_spec, spec_from_loader
from typing import TYPE_CHECKING, Any

from .._errors import MigrationFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path


# What a file may define; data functions get a connection.
FUNCTIONS = ("upgrade", "upgrade_data", "downgrade_data", "downgrade")


@dataclass(frozen=True)
class Step:
    """One file: what it is called, what it comes after, and its code."""

    revision: str
    parents: tuple[str, ...]
    message: str
    path: Path
    source: str
    module: Any

    @cached_property
    def checksum(self) -> str:
        """Hash of the source; line ends and space at the end don't count."""
        plain = "\n".join(line.rstrip() for line in self.source.splitlines()).strip()
        return hashlib.sha256(plain.encode()).hexdigest()

    @property
    def transactional(self) -> bool:
        """Whether it runs in one transaction; a file says no with `transactional = False`."""
        return bool(getattr(self.module, "transactional", True))

    @property
    def restartable(self) -> bool:
        """Whether it may be run again after it stopped midway: `restartable = True`."""
        return bool(getattr(self.module, "restartable", False))

    @property
    def irreversible(self) -> str | None:
        """Why it can't be taken back, if the file says so: `irreversible = "why"`."""
        return getattr(self.module, "irreversible", None)

    @property
    def replaces(self) -> dict[str, str]:
        """The squashed revisions that it stands for, with the checksums of their files."""
        return dict(getattr(self.module, "replaces", {}))

    @cached_property
    def parts(self) -> list[tuple[str, dict[str, Callable[..., Any]]]]:
        """The functions by name; a squashed file has those of each step it replaced."""
        if listed := getattr(self.module, "steps", None):
            return list(listed)
        found = {name: getattr(self.module, name, None) for name in FUNCTIONS}
        return [(self.revision, {name: each for name, each in found.items() if callable(each)})]

    def has(self, name: str) -> bool:
        """Return whether there is a function *name*."""
        return any(name in functions for _, functions in self.parts)


class History:
    """Every step of a folder, parents first; raises `MigrationFailed` when they don't fit."""

    def __init__(self, folder: Path, steps: Iterable[Step]) -> None:
        self.folder = folder
        self._steps: dict[str, Step] = {}
        for step in steps:
            if (twin := self._steps.setdefault(step.revision, step)) is not step:
                self._wrong(f"{step.path.name} and {twin.path.name} have the same revision")
        self._stands_for = {
            old: step.revision for step in self._steps.values() for old in step.replaces
        }
        self._order = list(self._sorted())

    def __iter__(self) -> Iterator[Step]:
        return iter(self._order)

    def __contains__(self, revision: str) -> bool:
        return revision in self._steps or revision in self._stands_for

    def __len__(self) -> int:
        return len(self._order)

    @property
    def heads(self) -> list[Step]:
        """The steps that nothing comes after."""
        followed = {parent for step in self for parent in self.parents(step)}
        return [step for step in self if step.revision not in followed]

    def parents(self, step: Step) -> list[str]:
        """Return what *step* comes after; a squashed parent is the step that replaced it."""
        found = (
            parent if parent in self._steps else self._stands_for.get(parent, parent)
            for parent in step.parents
        )
        return [parent for parent in dict.fromkeys(found) if parent != step.revision]

    def find(self, name: str) -> Step:
        """Return the step with this revision, or the only one whose revision begins so."""
        name = self._stands_for.get(name, name)
        found = [step for step in self if step.revision.startswith(name) and name]
        exact = [step for step in found if step.revision == name]
        if len(exact or found) != 1:
            known = "several begin so" if found else "no file has it"
            raise MigrationFailed(
                f'{self.folder}: there is no one migration "{name}" ({known}); '
                "`await migrations.status()` lists them."
            )
        return (exact or found)[0]

    def ancestors(self, step: Step) -> set[str]:
        """Return the revisions that *step* needs, itself included."""
        found: set[str] = set()
        waiting = [step.revision]
        while waiting:
            if (revision := waiting.pop()) not in found:
                found.add(revision)
                waiting += self.parents(self._steps[revision])
        return found

    def descendants(self, step: Step) -> set[str]:
        """Return the revisions that need *step*, itself included."""
        found = {step.revision}
        for later in self:
            if found & set(self.parents(later)):
                found.add(later.revision)
        return found

    def one_head(self) -> Step | None:
        """Return the last step; raises `MigrationFailed` when there are several."""
        if len(self.heads) > 1:
            names = ", ".join(step.path.name for step in self.heads)
            self._wrong(
                f"two branches end here ({names}); "
                "`await migrations.merge()` writes the file that joins them"
            )
        return self.heads[0] if self.heads else None

    def _sorted(self) -> Iterator[Step]:
        # By revision among those whose parents are done, so that every machine has one order.
        missing = {step.revision: set(self.parents(step)) for step in self._steps.values()}
        for revision, parents in missing.items():
            if unknown := ", ".join(sorted(parents - set(self._steps))):
                name = self._steps[revision].path.name
                self._wrong(f"{name} comes after {unknown}, which no file has; was one deleted?")
        ready = [revision for revision, parents in missing.items() if not parents]
        heapq.heapify(ready)
        while ready:
            done = heapq.heappop(ready)
            yield self._steps[done]
            del missing[done]
            for revision, parents in missing.items():
                if done in parents:
                    parents.discard(done)
                    if not parents:
                        heapq.heappush(ready, revision)
        if missing:
            names = ", ".join(self._steps[revision].path.name for revision in sorted(missing))
            self._wrong(f"{names} come after one another in a circle")

    def _wrong(self, what: str) -> None:
        raise MigrationFailed(f"{self.folder}: {what}.")


def read(folder: Path) -> History:
    """Read the folder; files whose names begin with "_" or "." are no migrations."""
    if not folder.is_dir():
        raise MigrationFailed(
            f"there is no folder {folder}: `await migrations.make(...)` makes it."
        )
    paths = sorted(path for path in folder.glob("*.py") if path.name[0] not in "_.")
    return History(folder, [_read(path) for path in paths])


def _read(path: Path) -> Step:
    source = path.read_text(encoding="utf-8")
    spec = spec_from_loader(f"mizzen_migration_{path.stem}", None, origin=str(path))
    assert spec is not None  # noqa: S101  (made from a name)
    module = module_from_spec(spec)
    module.__file__ = str(path)
    # Dataclasses and enums look their module up while they are made.
    sys.modules[spec.name] = module
    try:
        # Compiled here: the import system's caches would serve an edited file as it was.
        exec(compile(source, str(path), "exec"), vars(module))  # noqa: S102
    except Exception as error:  # the user's code may raise anything
        raise MigrationFailed(f"{path} can't be read: {error!r}") from error
    finally:
        del sys.modules[spec.name]
    revision, previous = getattr(module, "revision", None), getattr(module, "down_revision", None)
    if not isinstance(revision, str) or not revision:
        raise MigrationFailed(f'{path} is no migration: it says no `revision = "…"`.')
    parents = (previous,) if isinstance(previous, str) else tuple(previous or ())
    message = (module.__doc__ or "").strip().partition("\n")[0]
    return Step(revision, parents, message, path, source, module)

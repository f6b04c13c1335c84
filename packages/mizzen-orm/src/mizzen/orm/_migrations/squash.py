"""Squashing: several files become one, which keeps the last one's revision.

The new file holds the functions of each old one. A database that has none runs them all in one
step; one that has some runs the others; one that has all of them has the new file.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, cast

from .._errors import MigrationFailed
from . import files

if TYPE_CHECKING:
    from pathlib import Path

    from .files import History, Step

_SETTINGS = {"revision", "down_revision", "transactional", "restartable", "irreversible"}
_PART = """
def {name}():
    {message!r}
    made = locals()
    return {{name: made[name] for name in {functions} if name in made}}
"""

_FILE = '''\
"""{message}

Squashed from {count} files; comments are in their last versions.
"""

import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = {parents}
{marks}
# What this file stands for, with the checksums of the files there were.
replaces = {replaces}


{parts}
steps = [
{steps}
]

'''


def squash(folder: Path, first: str, last: str, message: str) -> Path:
    """Write one file for *first* to *last*, and delete the files it stands for."""
    history = files.read(folder)
    steps = _between(history, history.find(first), history.find(last))
    text = _text(steps, history.parents(steps[0]), message)
    path = steps[-1].path
    compile(text, str(path), "exec")
    new = path.with_suffix(".new")
    new.write_text(text, encoding="utf-8")
    # The last file is replaced before the others go: broken off here, the folder says that two
    # files have the same revision, and loses nothing.
    new.replace(path)
    for step in steps[:-1]:
        step.path.unlink()
    return path


def _between(history: History, first: Step, last: Step) -> list[Step]:
    wanted = history.ancestors(last) & history.descendants(first)
    steps = [step for step in history if step.revision in wanted]
    if first.revision not in wanted or len(steps) < 2:
        raise MigrationFailed(f"{first.path.name} does not come before {last.path.name}.")
    for step, before in zip(steps[1:], steps, strict=False):
        if history.parents(step) != [before.revision]:
            raise MigrationFailed(
                f"{step.path.name} joins or begins a branch: squash what comes before or after it."
            )
    for step in steps:
        if not step.transactional:
            raise MigrationFailed(
                f"{step.path.name} says `transactional = False`: it can't be one step with "
                "others; squash what comes before or after it."
            )
        outside = [each for each in history if each.revision not in wanted]
        if step is not last and any(step.revision in history.parents(each) for each in outside):
            raise MigrationFailed(f"a branch begins at {step.path.name}: merge it first.")
    return steps


def _text(steps: list[Step], parents: list[str], message: str) -> str:
    replaces = {step.revision: step.checksum for step in steps}
    for step in steps:
        replaces |= step.replaces
    named = [f"_{place}" for place, _ in enumerate(steps, 1)]
    bad = next((step.irreversible for step in steps if step.irreversible), None)
    quoted = [repr(parent) for parent in parents]
    return _FILE.format(
        message=message.replace("\\", "").replace('"""', "'''"),
        count=len(steps),
        revision=steps[-1].revision,
        parents=f"({', '.join(quoted)})" if len(quoted) > 1 else (quoted or ["None"])[0],
        marks=f"irreversible = {bad!r}\n" if bad else "",
        replaces="{\n" + "".join(f"    {k!r}: {v!r},\n" for k, v in replaces.items()) + "}",
        parts="\n\n".join(_part(name, step) for name, step in zip(named, steps, strict=True)),
        steps="\n".join(
            f"    ({step.revision!r}, {name}())," for name, step in zip(named, steps, strict=True)
        ),
    )


def _part(name: str, step: Step) -> str:
    # By syntax, not as indented text: strings over several lines would change.
    tree = ast.parse(step.source)
    kept = [node for node in tree.body if not _is_setting(node)]
    if ast.get_docstring(tree) is not None:
        kept = kept[1:]
    if any(isinstance(node, ast.ImportFrom) and node.names[0].name == "*" for node in kept):
        raise MigrationFailed(f"{step.path.name}: `import *` can't be squashed.")
    frame = ast.parse(_PART.format(name=name, message=step.message, functions=files.FUNCTIONS))
    function = cast("ast.FunctionDef", frame.body[0])
    function.body[1:1] = kept
    return ast.unparse(ast.fix_missing_locations(frame)) + "\n"


def _is_setting(node: ast.stmt) -> bool:
    if isinstance(node, ast.ImportFrom) and node.module == "__future__":
        return True
    targets = node.targets if isinstance(node, ast.Assign) else []
    names = {target.id for target in targets if isinstance(target, ast.Name)}
    return bool(names & _SETTINGS)

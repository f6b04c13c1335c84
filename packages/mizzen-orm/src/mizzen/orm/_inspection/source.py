"""The source of a module with the models of a plan, formatted as formatters would."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

from .code import KNOWN, SHORT, Call, names_in, quoted, written

if TYPE_CHECKING:
    from .plan import ModelPlan, Plan

_STANDARD = ("datetime", "decimal", "enum", "typing", "uuid")


def write(plan: Plan) -> str:
    """Return the source; importing it defines the models, and changes nothing in the database."""
    enums = "".join(
        f"\n\nclass {made.name}(StrEnum):\n"
        + "".join(f"    {member} = {quoted(value)}\n" for member, value in made.members)
        for made in plan.enums
    )
    models = "".join(map(_model, plan.models))
    left = "".join(
        f"\n# {_plain(name)} has no key, so that it can't have a model.\n" for name in plan.left_out
    )
    head = '"""Models of an existing database, as it was when this was written."""\n\n'
    return head + _imports(plan) + enums + models + (f"\n{left}" if left else "")


def _model(plan: ModelPlan) -> str:
    lines = [
        f"\n\nclass {plan.name}(Model):\n",
        f'    """The table {_plain(plan.table.name)}."""\n\n',
    ]
    lines.append(f"    __tablename__ = {quoted(plan.table.name)}\n")
    if plan.arguments:
        start = "    __table_args__ = "
        lines.append(f"{start}{written(plan.arguments, 4, len(start))}\n")
    lines.append("\n")
    for name, annotation, call in plan.fields:
        lines.append(_assignment(name, written(annotation, 4, 0), call))
    lines += [_assignment(name, quoted(target), call) for name, target, call in plan.relations]
    return "".join(lines)


def _assignment(name: str, annotation: str, call: Call) -> str:
    head = f"    {name}: {annotation}"
    if not call.args and not call.kwargs:
        return f"{head}\n"
    if call.name == "Field" and set(call.kwargs) == {"default"}:
        start = f"{head} = "
        return f"{start}{written(call.kwargs['default'], 4, len(start))}\n"
    start = f"{head} = "
    return f"{start}{written(call, 4, len(start))}\n"


def _imports(plan: Plan) -> str:
    used: set[str] = {"Model"} | ({"StrEnum"} if plan.enums else set[str]())
    for model in plan.models:
        for _, annotation, call in model.fields:
            plain = call.name == "Field" and set(call.kwargs) <= {"default"}
            used |= names_in(annotation)
            used |= names_in(call.kwargs.get("default")) if plain else names_in(call)
        for _, _, call in model.relations:
            used |= names_in(call)
        used |= names_in(model.arguments)
    groups: dict[str, list[str]] = defaultdict(list)
    for name in sorted(used & set(KNOWN)):
        module = KNOWN[name]
        if module.startswith("sqlalchemy.dialects."):
            groups["sqlalchemy.dialects"].append(SHORT[module])
        else:
            groups[module].append(name)
    standard = _section(groups, [module for module in groups if module in _STANDARD])
    others = _section(groups, [module for module in groups if module not in _STANDARD])
    return "\n".join(part for part in (standard, others) if part)


def _section(groups: dict[str, list[str]], modules: list[str]) -> str:
    lines = [
        f"import {module} as {SHORT[module]}\n"
        if module in SHORT
        else f"from {module} import {', '.join(sorted(set(groups[module]), key=_order))}\n"
        for module in modules
    ]
    return "".join(sorted(lines, key=lambda line: (line.startswith("from"), line)))


def _order(name: str) -> tuple[int, str]:
    # As isort does: constants, classes, functions.
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)


def _plain(name: str) -> str:
    # For comments only: nothing in it can end one.
    return re.sub(r"[^\w .,()-]", "?", name, flags=re.ASCII)

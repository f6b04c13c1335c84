"""The lint itself: every step in order, each operation against every rule of the dialect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..recorder import record
from ..written_schema import WrittenSchema
from . import columns, constraints, enums, indexes, names, servers, steps, suppressions, types
from .finding import Finding
from .raw_sql import RawStatement, taken_apart
from .rules import OPERATION_RULES, STEP_RULES, Change, Rule, StepView

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy import MetaData

    from ..files import History, Step
    from .suppressions import Suppression

FAMILIES = (columns, constraints, enums, indexes, names, servers, steps, types)


def lint(
    history: History,
    dialect: str,
    models: MetaData,
    *,
    only: Iterable[str] | None = None,
    big_tables: Iterable[str] | None = None,
) -> list[Finding]:
    """Return what the steps (*only* these revisions) would do to a database in use."""
    kind = "mysql" if dialect == "mariadb" else dialect
    wanted = None if only is None else set(only)
    big = None if big_tables is None else frozenset(big_tables)
    schema = WrittenSchema()
    found: list[Finding] = []
    heads = {step.revision for step in history.heads}
    for step in history:
        count = len(heads) if step.revision in heads else 1
        view = _view(step, kind, models, count)
        made = list(_of_step(view)) + list(_of_operations(view, schema, big))
        if wanted is None or step.revision in wanted:
            found += _allowed(made, suppressions.read(step.source), view)
    return found


def _view(step: Step, dialect: str, models: MetaData, heads: int) -> StepView:
    upgrade = record(step, dialect)
    statements = [part for each in upgrade.operations for part in taken_apart(each)]
    downgrade = record(step, dialect, "downgrade")
    return StepView(step, dialect, upgrade, downgrade, statements, models, heads)


def _of_step(view: StepView) -> Iterator[Finding]:
    for rule in STEP_RULES.values():
        if view.dialect in rule.dialects:
            for line, message in rule.ask(view):
                yield _finding(rule, view, line, message)


def _of_operations(
    view: StepView, schema: WrittenSchema, big: frozenset[str] | None
) -> Iterator[Finding]:
    for recorded in view.statements:
        change = Change(view, recorded, schema, big)
        for rule in OPERATION_RULES.values():
            if view.dialect in rule.dialects and (message := rule.ask(change)):
                yield _finding(rule, view, recorded.line, message)
        if not isinstance(recorded.operation, RawStatement):
            schema.apply(recorded.operation, view.step.revision)


def _finding(rule: Rule, view: StepView, line: int, message: str) -> Finding:
    path, dialect = view.step.path, view.dialect
    return Finding(rule.name, rule.severity, path, line, dialect, message, rule.recipe)


def _allowed(found: list[Finding], allowed: list[Suppression], view: StepView) -> Iterator[Finding]:
    for finding in sorted(found, key=lambda each: (each.line, each.rule)):
        if not suppressions.allows([each for each in allowed if not each.wrong], finding):
            yield finding
    for each in allowed:
        wrong = each.wrong
        if wrong is None and not each.used and _concerns(each, view.dialect):
            wrong = "nothing needs it any more"
        if wrong is not None:
            yield Finding(
                "suppression",
                "warning" if each.wrong else "hint",
                view.step.path,
                each.at,
                view.dialect,
                f"this comment allows nothing: {wrong}",
                "# lint: allow rule-name because …",
            )


def _concerns(suppression: Suppression, dialect: str) -> bool:
    rules = {**OPERATION_RULES, **STEP_RULES}
    return all(dialect in rules[name].dialects for name in suppression.rules)

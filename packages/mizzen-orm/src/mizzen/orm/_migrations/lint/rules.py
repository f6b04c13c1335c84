"""Rules by name, and what they are asked about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import MetaData

    from ..files import Step
    from ..recorder import Recorded, Recording
    from ..written_schema import WrittenSchema
    from .finding import Severity

EVERYWHERE = ("mysql", "postgresql", "sqlite")
DIALECTS = (*EVERYWHERE, "mariadb")

# Rules of operations, and rules of whole steps, by name.
OPERATION_RULES: dict[str, Rule] = {}
STEP_RULES: dict[str, Rule] = {}


@dataclass(frozen=True)
class Rule:
    """A rule: its name, its weight, where it holds, the safe way, and the question itself."""

    name: str
    severity: Severity
    dialects: tuple[str, ...]
    recipe: str
    ask: Callable[..., Any]


@dataclass(frozen=True)
class StepView:
    """A step as the rules see it: what it does forth and back."""

    step: Step
    dialect: str
    upgrade: Recording
    downgrade: Recording
    statements: list[Recorded]  # of `upgrade`, with raw SQL taken apart
    models: MetaData
    heads: int


@dataclass(frozen=True)
class Change:
    """One operation as the rules see it: in its step, with the schema before it."""

    view: StepView
    recorded: Recorded
    schema: WrittenSchema
    big_tables: frozenset[str] | None

    @property
    def operation(self) -> Any:
        """The operation."""
        return self.recorded.operation

    @property
    def dialect(self) -> str:
        """The dialect that is asked about."""
        return self.view.dialect

    def is_new(self, table: str) -> bool:
        """Return whether this step makes *table*: nobody waits for it, and it has no rows."""
        held = self.schema.tables.get(table)
        return held is not None and held.made_by == self.view.step.revision

    def may_be_big(self, table: str) -> bool:
        """Return whether *table* may have many rows."""
        return self.big_tables is None or table in self.big_tables

    def before(self) -> Iterator[Any]:
        """Yield the operations of the step before this one."""
        for each in self.view.statements:
            if each is self.recorded:
                return
            yield each.operation


def rule(
    name: str, severity: Severity, recipe: str, *, dialects: tuple[str, ...] = EVERYWHERE
) -> Callable[[Callable[[Change], str | None]], Callable[[Change], str | None]]:
    """Make a rule of a function that says what an operation would do, or None."""

    def made(ask: Callable[[Change], str | None]) -> Callable[[Change], str | None]:
        OPERATION_RULES[name] = Rule(name, severity, dialects, recipe, ask)
        return ask

    return made


def step_rule(
    name: str, severity: Severity, recipe: str, *, dialects: tuple[str, ...] = EVERYWHERE
) -> Callable[
    [Callable[[StepView], Iterator[tuple[int, str]]]],
    Callable[[StepView], Iterator[tuple[int, str]]],
]:
    """Make a rule of a function that yields lines of a step and what would happen there."""

    def made(
        ask: Callable[[StepView], Iterator[tuple[int, str]]],
    ) -> Callable[[StepView], Iterator[tuple[int, str]]]:
        STEP_RULES[name] = Rule(name, severity, dialects, recipe, ask)
        return ask

    return made

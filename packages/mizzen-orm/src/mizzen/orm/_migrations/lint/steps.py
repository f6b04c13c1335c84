"""Whole steps: what they mix, what they leave out, and where they stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alembic.operations import ops

from ..batches import Batches
from .raw_sql import RawStatement
from .rules import rule, step_rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .rules import Change, StepView


@step_rule(
    "mixed-data-and-schema",
    "warning",
    "one step for the schema and one for the data: `upgrade_data(connection)` with op.batches",
)
def mixed_data_and_schema(view: StepView) -> Iterator[tuple[int, str]]:
    """Rows that move while the schema's locks are held."""
    data = [each for each in view.statements if _is_data(each.operation)]
    schema = [
        each
        for each in view.statements
        if not _is_data(each.operation) and not isinstance(each.operation, ops.CreateTableOp)
    ]
    # Rows for a table made here hold nobody up.
    if not schema or not (data or view.step.has("upgrade_data")):
        return
    what = {
        "postgresql": "the locks of the schema's changes are held while rows are moved",
        "mysql": "MySQL commits at each change of the schema: a failure leaves half of the data",
        "sqlite": "one write transaction holds all: every writer waits until the rows are moved",
    }[view.dialect]
    yield (data or schema)[0].line, what


@step_rule(
    "missing-downgrade",
    "warning",
    'write `downgrade` (and `downgrade_data`), or say `irreversible = "why"`',
)
def missing_downgrade(view: StepView) -> Iterator[tuple[int, str]]:
    """A step that can't be taken back, and doesn't say so."""
    if view.step.irreversible is not None:
        return
    if view.upgrade.operations and not view.downgrade.operations:
        yield 1, "`upgrade` changes something and `downgrade` changes nothing back"
    elif view.step.has("upgrade_data") and not view.step.has("downgrade_data"):
        yield 1, "there is `upgrade_data` and no `downgrade_data`"


@step_rule("multiple-heads", "error", "await migrations.merge() writes the file that joins them")
def multiple_heads(view: StepView) -> Iterator[tuple[int, str]]:
    """A branch that nothing joins."""
    if view.heads > 1:
        yield 1, f"this is one of {view.heads} ends: `up` can't know which order is meant"


@step_rule(
    "unreadable",
    "warning",
    "ask the database in `upgrade_data(connection)`, and keep `upgrade` to op.…",
)
def unreadable(view: StepView) -> Iterator[tuple[int, str]]:
    """A step that does something else with every database."""
    for recording in (view.upgrade, view.downgrade):
        if recording.error is not None:
            yield recording.error_line, f"it can't be read without a database: {recording.error!r}"


@rule("raw-ddl", "hint", "op.… says the same, and is checked; or allow it with a reason")
def raw_ddl(change: Change) -> str | None:
    """SQL that the lint doesn't understand."""
    made = change.operation
    if isinstance(made, RawStatement) and made.changes_schema and not made.understood:
        return f"nobody has checked this: {made.text[:60]}"
    return None


def _is_data(operation: object) -> bool:
    if isinstance(operation, RawStatement):
        return operation.changes_rows
    return isinstance(operation, ops.BulkInsertOp | Batches)

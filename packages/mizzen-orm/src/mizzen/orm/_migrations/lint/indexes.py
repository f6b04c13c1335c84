"""Indexes: PostgreSQL builds and drops them beside the traffic only when asked to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alembic.operations import ops

from .rules import rule

if TYPE_CHECKING:
    from .rules import Change


@rule(
    "create-index-concurrently",
    "error",
    "create_index(…, postgresql_concurrently=True) in a file with `transactional = False`",
    dialects=("postgresql",),
)
def create_index_concurrently(change: Change) -> str | None:
    """An index whose building keeps writers off."""
    make = change.operation
    if not isinstance(make, ops.CreateIndexOp) or change.is_new(make.table_name):
        return None
    if make.kw.get("postgresql_concurrently"):
        return None
    return f"writers of {make.table_name} wait until {make.index_name} is built"


@rule(
    "drop-index-concurrently",
    "warning",
    "drop_index(…, postgresql_concurrently=True) in a file with `transactional = False`",
    dialects=("postgresql",),
)
def drop_index_concurrently(change: Change) -> str | None:
    """An index whose removal waits for, and holds up, every reader."""
    drop = change.operation
    if not isinstance(drop, ops.DropIndexOp) or drop.kw.get("postgresql_concurrently"):
        return None
    held = change.schema.table_of_index(str(drop.index_name))
    table = str(drop.table_name or held or "its table")
    if change.is_new(table):
        return None
    return (
        f"dropping {drop.index_name} takes ACCESS EXCLUSIVE on {table}: it waits for long queries, "
        "and every other query waits behind it"
    )


@rule(
    "concurrently-in-transaction",
    "error",
    "say `transactional = False` in the file, and put one such operation into it",
    dialects=("postgresql",),
)
def concurrently_in_transaction(change: Change) -> str | None:
    """CONCURRENTLY where PostgreSQL refuses it."""
    made = change.operation
    concurrent = isinstance(made, ops.CreateIndexOp | ops.DropIndexOp) and made.kw.get(
        "postgresql_concurrently"
    )
    if not concurrent or not change.view.step.transactional:
        return None
    return "CONCURRENTLY can't run inside a transaction, and this step is one"


@rule(
    "several-without-transaction",
    "warning",
    "one file for each operation that can't run in a transaction",
    dialects=("postgresql",),
)
def several_without_transaction(change: Change) -> str | None:
    """A second operation that a failure of it leaves behind."""
    if change.view.step.transactional or change.view.step.restartable:
        return None
    changes = [each for each in change.view.statements if not _is_data(each.operation)]
    if len(changes) > 1 and changes[1] is change.recorded:
        return "when this fails, what came before stays: no transaction takes it back"
    return None


def _is_data(operation: object) -> bool:
    return type(operation).__name__ in {"Batches", "BulkInsertOp", "ExecuteSQLOp", "Remark"}

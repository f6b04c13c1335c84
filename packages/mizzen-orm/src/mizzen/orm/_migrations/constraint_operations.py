"""`op.validate_constraint` and `op.use_index_for_unique`: PostgreSQL's two-step constraints."""

from __future__ import annotations

from typing import Any

from alembic.operations import MigrateOperation, Operations

from .statements import quoted, run


@Operations.register_operation("validate_constraint")
class ValidateConstraint(MigrateOperation):
    """Check the rows of a constraint that was added as NOT VALID."""

    def __init__(self, constraint: str, table: str) -> None:
        self.constraint, self.table = constraint, table

    @classmethod
    def validate_constraint(cls, operations: Operations, constraint: str, table: str) -> Any:
        """Check the rows that were there before the constraint; writers go on meanwhile.

        Does nothing where constraints are valid from the start (all but PostgreSQL).
        """
        return operations.invoke(cls(constraint, table))


@Operations.register_operation("use_index_for_unique")
class UseIndexForUnique(MigrateOperation):
    """Make a unique constraint of a unique index."""

    def __init__(self, constraint: str, table: str, index: str) -> None:
        self.constraint, self.table, self.index = constraint, table, index

    @classmethod
    def use_index_for_unique(
        cls, operations: Operations, constraint: str, table: str, index: str
    ) -> Any:
        """Make the unique *index*, built concurrently before, a constraint; PostgreSQL only."""
        return operations.invoke(cls(constraint, table, index))


@Operations.implementation_for(ValidateConstraint)
def _validate(operations: Operations, operation: ValidateConstraint) -> None:
    if operations.get_context().dialect.name == "postgresql":
        table = quoted(operations, operation.table)
        name = quoted(operations, operation.constraint)
        run(operations, f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}")


@Operations.implementation_for(UseIndexForUnique)
def _use_index(operations: Operations, operation: UseIndexForUnique) -> None:
    names = (operation.table, operation.constraint, operation.index)
    table, name, index = (quoted(operations, each) for each in names)
    run(operations, f"ALTER TABLE {table} ADD CONSTRAINT {name} UNIQUE USING INDEX {index}")

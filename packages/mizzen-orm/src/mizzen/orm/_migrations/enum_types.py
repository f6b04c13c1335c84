"""`op.create_enum` and `op.drop_enum`: PostgreSQL's named types; elsewhere they do nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alembic.autogenerate import renderers
from alembic.operations import MigrateOperation, Operations

from .statements import literal, quoted, run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alembic.autogenerate.api import AutogenContext


@Operations.register_operation("create_enum")
class CreateEnum(MigrateOperation):
    """Make an enum's type."""

    def __init__(self, name: str, values: Sequence[str]) -> None:
        self.name, self.values = name, list(values)

    @classmethod
    def create_enum(cls, operations: Operations, name: str, values: Sequence[str]) -> Any:
        """Make the type *name*; columns refer to it with `sa.Enum(..., create_type=False)`."""
        return operations.invoke(cls(name, values))

    def reverse(self) -> DropEnum:
        """Return the way back."""
        return DropEnum(self.name, self.values)

    def to_diff_tuple(self) -> tuple[Any, ...]:
        """Return the change in short."""
        return ("add_enum", self.name, *self.values)


@Operations.register_operation("drop_enum")
class DropEnum(MigrateOperation):
    """Remove an enum's type."""

    def __init__(self, name: str, former: Sequence[str] = ()) -> None:
        self.name, self.former = name, list(former)

    @classmethod
    def drop_enum(cls, operations: Operations, name: str) -> Any:
        """Remove the type *name*, which no column may have any more."""
        return operations.invoke(cls(name))

    def reverse(self) -> CreateEnum:
        """Return the way back."""
        return CreateEnum(self.name, self.former)

    def to_diff_tuple(self) -> tuple[Any, ...]:
        """Return the change in short."""
        return ("remove_enum", self.name)


@Operations.implementation_for(CreateEnum)
def _create(operations: Operations, operation: CreateEnum) -> None:
    if operations.get_context().dialect.name == "postgresql":
        values = ", ".join(map(literal, operation.values))
        run(operations, f"CREATE TYPE {quoted(operations, operation.name)} AS ENUM ({values})")


@Operations.implementation_for(DropEnum)
def _drop(operations: Operations, operation: DropEnum) -> None:
    if operations.get_context().dialect.name == "postgresql":
        run(operations, f"DROP TYPE {quoted(operations, operation.name)}")


@renderers.dispatch_for(CreateEnum)
def _write_create(_context: AutogenContext, operation: CreateEnum) -> str:
    return f"op.create_enum({operation.name!r}, {operation.values!r})"


@renderers.dispatch_for(DropEnum)
def _write_drop(_context: AutogenContext, operation: DropEnum) -> str:
    return f"op.drop_enum({operation.name!r})"

"""Columns whose type becomes one of another family: PostgreSQL casts those only when told how."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alembic.autogenerate import renderers
from alembic.operations import ops
from sqlalchemy import Enum
from sqlalchemy.dialects import postgresql

from .remarks import family

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext
    from alembic.operations import MigrateOperation


class Retype(ops.AlterColumnOp):
    """An alteration that writes `postgresql_using` into the file; others ignore it."""

    def reverse(self) -> Retype:
        """Return the way back."""
        return _retype(super().reverse())


def with_casts(changes: list[MigrateOperation]) -> None:
    """Make alterations of the type say how values are cast, and drop defaults that can't be."""
    for change in changes:
        if isinstance(change, ops.ModifyTableOps):
            change.ops = [made for part in change.ops for made in _cast(part)]


def _cast(part: MigrateOperation) -> list[MigrateOperation]:
    if not isinstance(part, ops.AlterColumnOp) or part.modify_type is None:
        return [part]
    if family(part.existing_type) == family(part.modify_type) and not _is_enum(part):
        return [part]
    default: Any = part.existing_server_default
    if not default or part.modify_server_default is not False:
        return [_retype(part)]
    without = ops.AlterColumnOp(
        part.table_name,
        part.column_name,
        modify_server_default=None,
        existing_type=part.existing_type,
        existing_nullable=part.existing_nullable,
        existing_server_default=default,
    )
    part.existing_server_default = None
    return [without, _retype(part)]


def _retype(part: ops.AlterColumnOp) -> Retype:
    made = Retype.__new__(Retype)
    vars(made).update(vars(part))
    return made


def _is_enum(part: ops.AlterColumnOp) -> bool:
    return isinstance(part.existing_type, Enum) or isinstance(part.modify_type, Enum)


@renderers.dispatch_for(Retype)
def _write(context: AutogenContext, part: Retype) -> str:
    plain = ops.AlterColumnOp.__new__(ops.AlterColumnOp)
    vars(plain).update(vars(part))
    write: Any = renderers.dispatch(plain)
    rendered = str(write(context, plain))
    make: Any = postgresql.dialect
    dialect = make()
    kind: Any = part.modify_type
    name = dialect.identifier_preparer.quote(part.column_name)
    # The values of an enum are cast by their names.
    between = "::text" if _is_enum(part) else ""
    using = f"{name}{between}::{kind.compile(dialect=dialect)}"
    return f"{rendered.removesuffix(')')},\n           postgresql_using={using!r})"

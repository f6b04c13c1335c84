"""A migration's file: the operations as Python."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from alembic.autogenerate import render_python_code
from alembic.operations import ops
from sqlalchemy import Enum, TypeDecorator

from .rename_operations import Remark

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from alembic.operations import MigrateOperation
    from alembic.runtime.migration import MigrationContext

_FILE = '''\
"""{message}

Made {made:%Y-%m-%d %H:%M} UTC, after {after}.
"""

import sqlalchemy as sa
from alembic import op
{imports}
revision = "{revision}"
down_revision = {parents}
{marks}

def upgrade() -> None:
    """Bring the schema forward."""
{upgrade}


def downgrade() -> None:
    """Take the schema back."""
{downgrade}
'''

_DATA_FILE = '''\
"""{message}

Made {made:%Y-%m-%d %H:%M} UTC, after {after}.
"""

import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = {parents}

# A large table is better walked outside of one transaction: each statement is committed at once,
# and a step that stopped is run again. Let the batches leave out the rows that are done.
transactional = False
restartable = True


def upgrade_data(connection: sa.Connection) -> None:
    """Bring the data forward; `async def` works as well."""
    # for rows in op.batches("posts", columns=["title"], where="slug IS NULL", size=1000):
    #     connection.execute(...)


def downgrade_data(connection: sa.Connection) -> None:
    """Take the data back, or say `irreversible = "why"` above and delete this."""
'''


def revision_after(taken: Container[str]) -> tuple[str, datetime]:
    """Return a revision that no file has: the second it is made in."""
    made = datetime.now(UTC).replace(microsecond=0)
    while (revision := f"{made:%Y%m%d%H%M%S}") in taken:
        made += timedelta(seconds=1)
    return revision, made


def file_text(
    message: str,
    revision: str,
    made: datetime,
    parents: Sequence[str],
    *,
    upgrade: str = "    pass",
    downgrade: str = "    pass",
    marks: str = "",
    data: bool = False,
) -> str:
    """Return the text of a file; *data* asks for one that moves rows."""
    quoted = [f'"{parent}"' for parent in parents]
    template = _DATA_FILE if data else _FILE
    return template.format(
        message=message.replace("\\", "").replace('"""', "'''"),
        made=made,
        after=" and ".join(parents) or "nothing",
        imports=_imports(upgrade + downgrade),
        revision=revision,
        parents=f"({', '.join(quoted)})" if len(quoted) > 1 else (quoted or ["None"])[0],
        marks=marks,
        upgrade=upgrade,
        downgrade=downgrade,
    )


def body(view: MigrationContext, operations: list[MigrateOperation]) -> str:
    """Return *operations* as the indented body of a function."""
    code = render_python_code(
        ops.UpgradeOps(operations),
        # SQLite can't alter most things in place; a batch copies the table when it has to.
        render_as_batch=view.dialect.name == "sqlite",
        render_item=_plain_type,
        migration_context=view,
    )
    lines = [line for line in code.splitlines() if not line.strip().startswith("# ###")]
    if all(isinstance(operation, Remark) for operation in operations):
        lines.append("    pass")
    return "\n".join(lines).strip("\n")


def _imports(code: str) -> str:
    used = [name for name in ("mysql", "postgresql", "sqlite") if re.search(rf"\b{name}\.", code)]
    return "".join(f"from sqlalchemy.dialects import {name}\n" for name in used)


def _plain_type(kind: str, item: Any, context: Any) -> str | Literal[False]:
    # A migration outlives the code of the day: only SQLAlchemy's own types are written into it.
    if kind != "type":
        return False
    plain: Any = item
    if isinstance(item, TypeDecorator) and not type(plain).__module__.startswith("sqlalchemy."):
        plain = plain.load_dialect_impl(context.dialect)
    if isinstance(plain, Enum) and plain.enums and plain.native_enum and plain.name:
        # `op.create_enum` makes the type once, also for several tables.
        values = ", ".join(map(repr, plain.enums))
        checked = ", create_constraint=True" if plain.create_constraint else ""
        return f"sa.Enum({values}, name={plain.name!r}, create_type=False{checked})"
    # A dialect's own variants of a type have names that nobody can import.
    public = next(kind for kind in type(plain).__mro__ if not kind.__name__.startswith("_"))
    home = public.__module__.removeprefix("sqlalchemy.dialects.").partition(".")[0]
    module = home if home in ("mysql", "postgresql", "sqlite") else "sa"
    shown = repr(plain).removeprefix(type(plain).__name__).replace("=Text()", "=sa.Text()")
    shown = f"{public.__name__}{shown}"
    return False if plain is item else f"{module}.{shown}"

"""Alembic's view of a database, as the steps and the comparison use it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alembic.runtime.migration import MigrationContext

from .._errors import MigrationFailed
from .._models import known
from . import (
    batches,
    constraint_operations,
    copied_tables,
    enum_operations,
    enum_types,
    generated,
    rename_operations,
    search_operations,
)

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from ..abc import SearchBackend

# Checks are compared by their names: databases write their text anew.
PLUGINS = ["alembic.autogenerate.*", "alembic.ext.checkconstraint_byname", "mizzen.generated"]
# Imported for the `op.…`, and the comparison, that they add.
OPERATIONS = (
    batches,
    constraint_operations,
    enum_operations,
    enum_types,
    generated,
    rename_operations,
    search_operations,
)


def open_context(connection: Connection, search: SearchBackend, **options: Any) -> MigrationContext:
    """Return a context on *connection*; its transactions are the caller's."""
    context = MigrationContext.configure(
        connection,
        opts={
            "target_metadata": known.metadata(),
            "compare_type": True,
            "autogenerate_plugins": PLUGINS,
            "mizzen_search": search,
            **options,
        },
    )
    vars(context)["autocommit_block"] = _refuse
    copied_tables.mind(context)
    return context


def _refuse() -> Any:
    raise MigrationFailed(
        "a step can't leave its transaction midway: put what needs that into a file of its own "
        "that says `transactional = False`"
    )

"""An INSERT of many rows on PostgreSQL: one array of values for each column.

`INSERT … SELECT … FROM unnest(…) ORDER BY place RETURNING id`: the statement is the same for any
number of rows, and the server numbers them in their order. With a parameter for each value the
driver spends half of its time on reading the statement's text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import ARRAY, String, Text

from .._connections.direct import Prepared
from .hydration import mapper_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._connections.direct import Straight
    from .row_statements import Change

_TEXT = Text()


def statement(straight: Straight, model: type[Any], plan: Change) -> str | None:
    """Return the INSERT, or None for columns that no array carries."""
    key = (model, "arrays", plan.order)
    if key not in straight.shapes:
        straight.shapes[key] = _statement(straight, model, plan)
    found: str | None = straight.shapes[key]
    return found


def filled(sql: str, rows: Sequence[tuple[Any, ...]]) -> Prepared:
    """Return the statement with the values of *rows*."""
    from ..drivers._psycopg_arrays import array

    columns = zip(*rows, strict=True)
    return Prepared(sql, {f"a{number}": array(column) for number, column in enumerate(columns)})


def _statement(straight: Straight, model: type[Any], plan: Change) -> str | None:
    mapper = mapper_of(model)
    columns = {found.key: found.columns[0] for found in mapper.column_attrs}
    kinds = [_kind(straight, columns[name].type) for name in plan.order]
    if any(kind is None for kind in kinds):
        return None
    quoted: Any = straight.compiler.dialect.identifier_preparer
    names = ", ".join(quoted.quote(columns[name].name) for name in plan.order)
    cells = ", ".join(f"c{number}" for number in range(len(kinds)))
    arrays = ", ".join(f"%(a{number})s::{kind}[]" for number, kind in enumerate(kinds))
    table = quoted.format_table(mapper.local_table)
    sql = (  # names are quoted, values are parameters
        f"INSERT INTO {table} ({names}) SELECT {cells} "  # noqa: S608
        f"FROM unnest({arrays}) WITH ORDINALITY AS given ({cells}, place) ORDER BY place"
    )
    if plan.returned:
        sql += (
            f" RETURNING {', '.join(quoted.quote(columns[name].name) for name, _ in plan.returned)}"
        )
    return sql


def _kind(straight: Straight, kind: Any) -> str | None:
    """Return the name of a column's type, or None for one that unnest() would take apart."""
    dialect: Any = straight.compiler.dialect
    fitting = kind.dialect_impl(dialect)
    plain = getattr(fitting, "impl_instance", fitting)
    if isinstance(plain, ARRAY) or fitting._has_bind_expression:
        return None
    if plain._type_affinity is String and getattr(plain, "length", None) and not _is_enum(plain):
        plain = _TEXT  # a cast to VARCHAR(3) would cut a longer text, the column refuses it
    named: str = dialect.type_compiler_instance.process(plain)
    return named


def _is_enum(kind: Any) -> bool:
    return bool(getattr(kind, "native_enum", False))

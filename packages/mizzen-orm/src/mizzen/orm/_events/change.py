"""One committed change of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from sqlalchemy import inspect

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .._models.model import Model

Action = Literal["create", "update", "destroy"]


class Change(NamedTuple):
    """A row that was written and committed, or rows that one bulk statement wrote.

    `before` and `after` hold the columns' values by field name; a created row has no `before`, a
    destroyed one no `after`. Of a bulk write only `rows`, how many, is known: `key` is None.
    """

    model: type[Model]
    action: Action
    key: Any = None
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    rows: int = 1

    @property
    def bulk(self) -> bool:
        """Whether this is a bulk write, whose rows are not known one by one."""
        return self.key is None

    @property
    def table(self) -> str:
        """The name of the table."""
        return str(inspect(self.model).local_table)

    def __repr__(self) -> str:
        what = f"{self.rows} rows" if self.bulk else repr(self.key)
        return f"<{self.action} {self.model.__name__} {what}>"


def merged(changes: Iterable[Change]) -> list[Change]:
    """Return the changes of one transaction, one for each row, in order of the first.

    Created and then updated is created as it is now; created and then destroyed never was.
    """
    rows: dict[Any, Change] = {}
    for change in changes:
        if change.bulk:
            rows[object()] = change
            continue
        row = (change.model, change.key)
        first = rows.get(row)
        joined = change if first is None else _joined(first, change)
        if joined is None:
            del rows[row]
        else:
            rows[row] = joined
    return list(rows.values())


def _joined(first: Change, last: Change) -> Change | None:
    if first.before is None and last.after is None:
        return None
    action: Action = "update"
    if first.before is None:
        action = "create"
    elif last.after is None:
        action = "destroy"
    return last._replace(action=action, before=first.before)

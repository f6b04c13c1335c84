"""Pages by number, and slices that go on after a row whatever was inserted before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from sqlalchemy import and_, case, false, inspect, or_

from .._errors import Invalid, UnknownName
from . import cursors
from .reads import Reads

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .._models.model import Model

M = TypeVar("M", bound="Model")


@dataclass(frozen=True)
class Page(Generic[M]):
    """One page of a list; `number` counts from 1."""

    rows: list[M]
    number: int
    size: int
    total: int

    @property
    def pages(self) -> int:
        """The number of pages, at least 1."""
        return max(1, -(-self.total // self.size))

    @property
    def has_next(self) -> bool:
        """Whether there is a page after this one."""
        return self.number < self.pages

    def __iter__(self) -> Iterator[M]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class Slice(Generic[M]):
    """Some rows of a list, and the cursors of what comes after and before (None at an end)."""

    rows: list[M]
    next: str | None
    previous: str | None

    def __iter__(self) -> Iterator[M]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)


class Paged(Reads[M]):
    """The pages of a query."""

    async def page(self, number: int = 1, size: int = 20) -> Page[M]:
        """Return page *number*, by primary key where the order leaves ties; two SELECTs."""
        given = cast("list[object]", [number, size])
        whole = all(isinstance(each, int) for each in given)
        if not whole or number < 1 or size < 1:
            raise Invalid(f"page({number!r}, {size!r}): both count from 1.", errors=[])
        self._refuse_limits("page")
        total = await self.count()
        start = (number - 1) * size
        # Beyond the end there is nothing to ask; a huge number would not fit the database.
        keys = () if self._search is not None and not self._keys else self._primary()
        rows: list[M] = []
        if start < total:
            rows = await self.order(*keys).limit(size).offset(start)
        return Page(rows, number, size, total)

    async def after(
        self, cursor: str | None = None, size: int = 20, *, key: bytes | None = None
    ) -> Slice[M]:
        """Return the *size* rows after *cursor* (or before, for a `previous` one).

        Ordered by fields, NULLs last, ties by primary key. Cursors are signed with *key*, the
        database's `cursor_key` or a random one of this process: give one where several processes
        serve one list. Conditions are not signed: repeat them for each slice.
        A cursor of another list, or one that was altered, raises `Invalid`.
        """
        if not isinstance(cast("object", size), int) or size < 1:
            raise Invalid(f"after(size={size!r}): a slice has one row or more.", errors=[])
        self._refuse_limits("after")
        order = self._order()
        names = [name for name, _ in order]
        said = ",".join(f"{'-' if down else ''}{name}" for name, down in order)
        context = f"{self._model.__name__} {said}"
        key = key or self._db().cursor_key
        query, back = self, False
        if cursor is not None:
            way, values = cursors.read(key, context, self._model, names, cursor)
            back = way == "before"
            query = query.where(self._beyond(order, values, back=back))
        keys = tuple(
            expression.desc() if down != back else expression
            for expression, down, _ in self._parts(order, [None] * len(order))
        )
        found = await query._with(_keys=keys, _limit=size + 1).all()
        more, rows = len(found) > size, found[:size]
        if back:
            rows.reverse()

        def at(row: M, way: str) -> str:
            return cursors.write(key, context, self._model, names, row, way)

        onward = rows and (more or back)
        backward = rows and (more if back else cursor is not None)
        return Slice(
            rows,
            at(rows[-1], "after") if onward else None,
            at(rows[0], "before") if backward else None,
        )

    def _order(self) -> list[tuple[str, bool]]:
        """Return the fields to sort by and whether downwards; the primary key is always last."""
        fields = {
            each.key: getattr(self._model, each.key) for each in inspect(self._model).column_attrs
        }
        made: dict[str, bool] = {}
        for given in (*self._keys, *self._primary()):
            key = getattr(given, "expression", given)
            for name, field in fields.items():
                if key.compare(field.expression) or key.compare(field.expression.desc()):
                    made.setdefault(name, not key.compare(field.expression))
                    break
            else:
                raise UnknownName(f"after() goes by fields of {self._model.__name__}, not {key}.")
        return list(made.items())

    def _parts(
        self, order: list[tuple[str, bool]], values: list[Any]
    ) -> list[tuple[Any, bool, Any]]:
        """Return expressions to sort by, with a row's values: where NULL may be, that first."""
        made: list[tuple[Any, bool, Any]] = []
        for (name, down), value in zip(order, values, strict=True):
            field = getattr(self._model, name)
            if inspect(self._model).column_attrs[name].columns[0].nullable:
                made.append((case((field.is_(None), 1), else_=0), False, int(value is None)))
            made.append((field, down, value))
        return made

    def _beyond(self, order: list[tuple[str, bool]], values: list[Any], *, back: bool) -> Any:
        alternatives: list[Any] = []
        equal: list[Any] = []
        for expression, down, value in self._parts(order, values):
            if value is not None:
                further = expression < value if down != back else expression > value
                alternatives.append(and_(*equal, further))
            equal.append(expression.is_(None) if value is None else expression == value)
        return or_(false(), *alternatives)

    def _refuse_limits(self, caller: str) -> None:
        if self._limit is not None or self._offset is not None:
            raise UnknownName(f"{caller}() sets the limit itself: leave out limit and offset.")

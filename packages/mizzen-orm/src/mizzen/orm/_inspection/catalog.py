"""The records that describe a database, which are also what new parts are made of.

`table` and `schema` of a part say where it was found; they don't count when parts are compared,
so that what was asked for equals what is read back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import TextClause

from .record import Record

if TYPE_CHECKING:
    from sqlalchemy.types import TypeEngine


@dataclass(frozen=True, repr=False)
class Expression(Record):
    """SQL that the database works out, such as `now()`; written into statements as it is."""

    sql: str

    @classmethod
    def of(cls, clause: TextClause) -> Expression:
        """Return `sqlalchemy.text(…)` as an expression, its bound values as literals."""
        return cls(str(clause.compile(compile_kwargs={"literal_binds": True})))

    def __str__(self) -> str:
        return self.sql


@dataclass(frozen=True, repr=False)
class Column(Record):
    """One column.

    `type` is text such as "varchar(20)" or a SQLAlchemy type; `default` a value, or
    `sqlalchemy.text("now()")` for SQL (None is no default); `autoincrement` None leaves it to the
    database; `generated` is the expression of a computed column; `values` are those of an enum.
    """

    name: str
    type: str | TypeEngine[Any] | type[TypeEngine[Any]]
    nullable: bool = True
    default: Any = None
    primary_key: bool = False
    autoincrement: bool | None = None
    generated: Expression | None = None
    values: tuple[str, ...] = ()
    comment: str | None = None
    table: str = field(default="", compare=False, kw_only=True)
    schema: str | None = field(default=None, compare=False, kw_only=True)

    def __post_init__(self) -> None:
        for name in ("default", "generated"):
            value = getattr(self, name)
            if isinstance(value, TextClause):
                object.__setattr__(self, name, Expression.of(value))
        if self.primary_key:
            object.__setattr__(self, "nullable", False)


@dataclass(frozen=True, repr=False)
class _Part(Record):
    name: str | None = field(default=None, kw_only=True)
    table: str = field(default="", compare=False, kw_only=True)
    schema: str | None = field(default=None, compare=False, kw_only=True)


@dataclass(frozen=True, repr=False, init=False)
class _OverColumns(_Part):
    columns: tuple[str, ...]

    def __init__(
        self, *columns: str, name: str | None = None, table: str = "", schema: str | None = None
    ) -> None:
        given = {"columns": columns, "name": name, "table": table, "schema": schema}
        for field_name, value in given.items():
            object.__setattr__(self, field_name, value)


@dataclass(frozen=True, repr=False, init=False)
class PrimaryKey(_OverColumns):
    """The primary key: `PrimaryKey("a", "b")`, in the order of the key."""


@dataclass(frozen=True, repr=False, init=False)
class Unique(_OverColumns):
    """A unique constraint: `Unique("team", "name", name="one_name")`."""


@dataclass(frozen=True, repr=False, init=False)
class Check(_Part):
    """A check constraint over an expression: `Check(text("stars >= 0"))`."""

    expression: Expression

    def __init__(
        self,
        expression: Expression | TextClause,
        *,
        name: str | None = None,
        table: str = "",
        schema: str | None = None,
    ) -> None:
        made = Expression.of(expression) if isinstance(expression, TextClause) else expression
        given = {"expression": made, "name": name, "table": table, "schema": schema}
        for field_name, value in given.items():
            object.__setattr__(self, field_name, value)


@dataclass(frozen=True, repr=False)
class ForeignKey(_Part):
    """A reference: `ForeignKey("author_id", "users", "id", on_delete="CASCADE")`."""

    columns: tuple[str, ...] | str
    references: str
    referenced: tuple[str, ...] | str
    referenced_schema: str | None = field(default=None, kw_only=True)
    on_delete: str | None = field(default=None, kw_only=True)
    on_update: str | None = field(default=None, kw_only=True)
    deferrable: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        for name in ("columns", "referenced"):
            value = getattr(self, name)
            object.__setattr__(self, name, (value,) if isinstance(value, str) else tuple(value))
        for name in ("on_delete", "on_update"):
            rule = getattr(self, name)
            value = None if rule is None else str(rule).upper()
            object.__setattr__(self, name, None if value == "NO ACTION" else value)


@dataclass(frozen=True, repr=False)
class Index(_Part):
    """An index; `expressions` has all its parts in order where one of them is no plain column."""

    columns: tuple[str, ...]
    unique: bool = False
    where: Expression | None = None
    method: str | None = None
    expressions: tuple[str, ...] = ()


@dataclass(frozen=True, repr=False)
class Policy(_Part):
    """A row security policy of PostgreSQL; `using` picks rows to see, `check` rows to write."""

    command: str = "ALL"
    permissive: bool = True
    roles: tuple[str, ...] = ("public",)
    using: Expression | None = None
    check: Expression | None = None


@dataclass(frozen=True, repr=False)
class Table(Record):
    """A table or a view, with all its parts.

    `kind` is "table", "view", "materialized view", "virtual" or "foreign". `rows_estimate` and
    `size_bytes` are the database's own, as of its last analysis; None when it keeps none.
    """

    name: str
    schema: str | None = None
    kind: str = "table"
    comment: str | None = None
    columns: tuple[Column, ...] = ()
    primary_key: tuple[str, ...] = ()
    indexes: tuple[Index, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    uniques: tuple[Unique, ...] = ()
    checks: tuple[Check, ...] = ()
    policies: tuple[Policy, ...] = ()
    rls_enabled: bool = False
    rls_forced: bool = False
    definition: str | None = None
    rows_estimate: int | None = field(default=None, compare=False)
    size_bytes: int | None = field(default=None, compare=False)

    def column(self, name: str) -> Column | None:
        """Return the column of that name, or None."""
        return next((column for column in self.columns if column.name == name), None)

    @property
    def constraints(self) -> tuple[PrimaryKey | Unique | Check | ForeignKey, ...]:
        """Every constraint, the primary key first."""
        where: dict[str, Any] = {"table": self.name, "schema": self.schema}
        key = (PrimaryKey(*self.primary_key, **where),) if self.primary_key else ()
        return (*key, *self.uniques, *self.checks, *self.foreign_keys)


@dataclass(frozen=True, repr=False)
class Size(Record):
    """What a table takes on disk, in bytes; None where the database doesn't tell."""

    table: str
    schema: str | None
    rows_estimate: int | None
    table_bytes: int | None
    index_bytes: int | None
    total_bytes: int | None


@dataclass(frozen=True, repr=False)
class Function(Record):
    """A function or procedure of PostgreSQL or MariaDB."""

    name: str
    schema: str | None
    arguments: str
    returns: str
    language: str
    kind: str


@dataclass(frozen=True, repr=False)
class Extension(Record):
    """An installed extension of PostgreSQL."""

    name: str
    version: str
    schema: str | None
    comment: str | None = None


@dataclass(frozen=True, repr=False)
class Enumeration(Record):
    """A named enum type of PostgreSQL."""

    name: str
    schema: str | None
    values: tuple[str, ...]

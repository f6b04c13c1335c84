"""Fields of generated models: `Field(...)` calls, and what only `__table_args__` can say."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from .catalog import Expression
from .code import Call, Maybe, Name, ValuesOf
from .kinds import Kind, kind_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from .catalog import Column, ForeignKey, Index, Unique
    from .plan import Enums, ModelPlan, Source

_COERCED: dict[str, Callable[[Any], Any]] = {
    "bool": lambda value: bool(int(value)) if isinstance(value, int) else None,
    "int": lambda value: value if type(value) is int else None,
    "float": float,
    "str": lambda value: value if isinstance(value, str) else None,
    "Decimal": lambda value: Decimal(str(value)),
}


class FieldOf:
    """The field for one column."""

    def __init__(self, model: ModelPlan, column: Column, source: Source, enums: Enums) -> None:
        self._model = model
        self._column = column
        self._source = source
        self._attribute = model.attributes[column.name]
        kind = self._kind(enums)
        default = self._default(kind.annotation)
        in_key = column.name in model.key
        referring = {name for key in model.table.foreign_keys for name in key.columns}
        # On SQLite every whole number as a key would count by itself.
        counts = (
            in_key
            and len(model.key) == 1
            and bool(column.autoincrement)
            and column.name not in referring
        )
        self._by_database = default is None and (
            column.default is not None or column.generated is not None
        )
        optional = counts or self._by_database or (column.nullable and not in_key)
        self.annotation = _maybe(kind.annotation) if optional else kind.annotation
        given: dict[str, Any] = {}
        if default is not None:
            given["default"] = _literal(default)
        elif optional:
            given["default"] = None
        plain = (
            kind.plain is not None
            and not self._by_database
            and self._attribute == column.name
            and not (counts and column.type == "bigint")
        )
        given |= self._plain(kind, in_key, optional) if plain else self._full(kind, in_key)
        self.call = Call("Field", (), given)

    def _kind(self, enums: Enums) -> Kind:
        column = self._column
        kind = str(column.type)
        if not column.values:
            return kind_of(column, self._source.dialect, self._source.enums)
        plan = enums.of(kind, column.values, f"{self._model.name}_{self._attribute}")
        named = {"name": kind} if kind in self._source.enums else {}
        # The database holds the values, and SQLAlchemy would store the members' names.
        made = Call("Enum", (Name(plan.name),), {**named, "values_callable": ValuesOf()})
        return Kind(Name(plan.name), made, None)

    def _default(self, annotation: Any) -> Any:
        value = self._column.default
        if value is None or isinstance(value, Expression) or not isinstance(annotation, Name):
            return None
        coerce = _COERCED.get(annotation.name)
        try:
            return coerce(value) if coerce is not None else None
        except (ValueError, InvalidOperation):
            return None

    def _plain(self, kind: Kind, in_key: bool, optional: bool) -> dict[str, Any]:
        column = self._column
        given: dict[str, Any] = dict(kind.plain or {})
        if in_key:
            given["primary_key"] = True
        elif optional and not column.nullable:
            given["nullable"] = False
        if (key := _only_key(self._model, column.name)) is not None and _is_simple(key):
            schema = f"{self._source.schema}." if self._source.schema else ""
            given["foreign_key"] = f"{schema}{key.references}.{key.referenced[0]}"
            if key.on_delete is not None:
                given["ondelete"] = key.on_delete
        elif column.nullable and not optional:
            given["nullable"] = True
        if any(_is_plain_unique(self._model, unique, column.name) for unique in self._uniques):
            given["unique"] = True
        if any(_is_plain_index(self._model, index, column.name) for index in self._indexes):
            given["index"] = True
        if column.comment is not None:
            given["sa_column_kwargs"] = {"comment": column.comment}
        return given

    def _full(self, kind: Kind, in_key: bool) -> dict[str, Any]:
        column = self._column
        parts: list[Any] = [column.name, kind.type]
        options: dict[str, Any] = {}
        if column.generated is not None:
            parts.append(Call("Computed", (_sql(column.generated.sql),)))
        if in_key:
            options["primary_key"] = True
        elif not column.nullable:
            options["nullable"] = False
        if self._by_database and column.generated is None:
            value = column.default
            options["server_default"] = (
                Call("text", (_sql(value.sql),))
                if isinstance(value, Expression)
                else value
                if isinstance(value, str)
                else Call("text", (str(value),))
            )
        if column.comment is not None:
            options["comment"] = column.comment
        return {"sa_column": Call("Column", tuple(parts), options)}

    @property
    def _uniques(self) -> tuple[Unique, ...]:
        return self._model.table.uniques

    @property
    def _indexes(self) -> tuple[Index, ...]:
        return self._model.table.indexes


def table_arguments(model: ModelPlan, source: Source) -> tuple[Any, ...]:
    """Return `__table_args__`: constraints over several columns, or with names of their own."""
    schema = f"{source.schema}." if source.schema else ""
    plain = {name for name, _, call in model.fields if "sa_column" not in call.kwargs}
    columns = {column for column, name in model.attributes.items() if name in plain}
    keys = [key for key in model.keys if not _is_plain_key(model, key, columns)]
    uniques = [
        unique
        for unique in model.table.uniques
        if not any(_is_plain_unique(model, unique, column) for column in columns)
    ]
    indexes = [
        index
        for index in model.table.indexes
        if not any(_is_plain_index(model, index, column) for column in columns)
    ]
    made: list[Any] = [
        *(_foreign_key(key, schema) for key in keys),
        *(Call("UniqueConstraint", held.columns, _given({"name": held.name})) for held in uniques),
        *(
            Call("CheckConstraint", (_sql(check.expression.sql),), _given({"name": check.name}))
            for check in model.table.checks
        ),
        *(_index(index, source.dialect.name) for index in indexes),
    ]
    options = {"schema": source.schema, "comment": model.table.comment}
    return (*made, _given(options)) if _given(options) else tuple(made)


def _foreign_key(key: ForeignKey, schema: str) -> Call:
    options: dict[str, Any] = {
        "ondelete": key.on_delete,
        "onupdate": key.on_update,
        "name": key.name,
        "deferrable": True if key.deferrable else None,
        "initially": "DEFERRED" if key.deferrable else None,
    }
    target = [f"{schema}{key.references}.{name}" for name in key.referenced]
    return Call("ForeignKeyConstraint", (list(key.columns), target), _given(options))


def _index(index: Index, dialect: str) -> Call:
    options: dict[str, Any] = {"unique": True} if index.unique else {}
    if index.where is not None:
        options[f"{dialect}_where"] = Call("text", (_sql(index.where.sql),))
    if index.method is not None and dialect == "postgresql":
        options["postgresql_using"] = index.method
    parts = tuple(Call("text", (_sql(part),)) for part in index.expressions) or index.columns
    return Call("Index", (index.name, *parts), options)


def _only_key(model: ModelPlan, column: str) -> ForeignKey | None:
    found = [key for key in model.keys if key.columns == (column,)]
    return found[0] if len(found) == 1 else None


def _is_plain_key(model: ModelPlan, key: ForeignKey, columns: set[str]) -> bool:
    single = len(key.columns) == 1 and key.columns[0] in columns and _is_simple(key)
    return single and _only_key(model, key.columns[0]) == key


def _is_simple(key: ForeignKey) -> bool:
    return key.on_update is None and not key.deferrable and "." not in key.references


def _is_plain_unique(model: ModelPlan, unique: Unique, column: str) -> bool:
    own = {None, f"uq_{model.table.name}_{column}"}
    return unique.columns == (column,) and unique.name in own


def _is_plain_index(model: ModelPlan, index: Index, column: str) -> bool:
    return (
        index.columns == (column,)
        and index.name == f"ix_{model.table.name}_{column}"
        and not (index.unique or index.where or index.method or index.expressions)
    )


def _maybe(annotation: Any) -> Any:
    return annotation if annotation == Name("Any") else Maybe(annotation)


def _literal(value: Any) -> Any:
    return Call("Decimal", (str(value),)) if isinstance(value, Decimal) else value


def _sql(sql: str) -> str:
    # `:name` in `text()` would be a parameter.
    return sql.replace(":", "\\:")


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in options.items() if value is not None}

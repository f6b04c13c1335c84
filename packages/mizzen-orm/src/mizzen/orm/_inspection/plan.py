"""The models for a database's tables, as descriptions: `live` makes them, `source` writes them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from .._errors import NotFound
from .fields import FieldOf, table_arguments
from .naming import Names, attribute, attributes_taken, class_name, classes_taken
from .pairs import relate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.engine import Dialect

    from .catalog import ForeignKey, Table
    from .code import Call

_BOOKKEEPING = "mizzen_migration"


class Source(NamedTuple):
    """What a plan is made from; `schema` is None for the default one."""

    tables: list[Table]
    dialect: Dialect
    enums: Mapping[str, tuple[str, ...]]
    schema: str | None


@dataclass(frozen=True)
class EnumPlan:
    """An enum class: its name, and `(member, value)` pairs."""

    name: str
    members: tuple[tuple[str, str], ...]


@dataclass
class ModelPlan:
    """One model."""

    name: str
    table: Table
    key: tuple[str, ...]
    names: Names
    attributes: dict[str, str]
    keys: list[ForeignKey] = field(default_factory=list["ForeignKey"])
    fields: list[tuple[str, Any, Call]] = field(default_factory=list[tuple[str, Any, "Call"]])
    relations: list[tuple[str, str, Call]] = field(default_factory=list[tuple[str, str, "Call"]])
    arguments: tuple[Any, ...] = ()


@dataclass
class Plan:
    """All models, and the enums that they use; `left_out` are tables without a key."""

    models: list[ModelPlan]
    enums: list[EnumPlan]
    left_out: list[str]


def planned(source: Source, only: Sequence[str]) -> Plan:
    """Return the plan for all tables, or for those named in *only*; raises `NotFound`."""
    tables = [
        table
        for table in source.tables
        if table.kind == "table" and not table.name.startswith(_BOOKKEEPING)
    ]
    if missing := set(only) - {table.name for table in tables}:
        raise NotFound(f"there is no table {', '.join(map(repr, sorted(missing)))}.")
    chosen = [table for table in tables if not only or table.name in only]
    keys = {table.name: key_of(table) for table in chosen}
    classes = Names(classes_taken())
    taken = attributes_taken()
    models: dict[str, ModelPlan] = {}
    for table in chosen:
        if key := keys[table.name]:
            names = Names(taken)
            attributes = {
                column.name: names.give(attribute(column.name)) for column in table.columns
            }
            name = classes.give(class_name(table.name))
            names.also(name)
            models[table.name] = ModelPlan(name, table, key, names, attributes)
    plan = Plan(list(models.values()), [], [name for name, key in keys.items() if not key])
    for model in plan.models:
        model.keys = [key for key in model.table.foreign_keys if _is_whole(key, model, models)]
    enums = Enums(source, classes, plan.enums)
    for model in plan.models:
        _fill(model, source, enums)
    relate(models)
    return plan


def key_of(table: Table) -> tuple[str, ...]:
    """Return the columns that tell rows apart: the primary key, else a unique one without nulls."""
    if table.primary_key:
        return table.primary_key
    required = {column.name for column in table.columns if not column.nullable}
    indexes = [
        index.columns
        for index in table.indexes
        if index.unique and index.where is None and not index.expressions
    ]
    for columns in (*(unique.columns for unique in table.uniques), *indexes):
        if required.issuperset(columns):
            return columns
    return ()


class Enums:
    """Enum classes, made when a column needs one; columns of one PostgreSQL type share it."""

    def __init__(self, source: Source, classes: Names, plans: list[EnumPlan]) -> None:
        self._source = source
        self._classes = classes
        self._plans = plans
        self._named: dict[str, EnumPlan] = {}

    def of(self, kind: str, values: tuple[str, ...], wanted: str) -> EnumPlan:
        """Return the class for a type, which may be without a name of its own (MariaDB)."""
        named = kind in self._source.enums
        if named and kind in self._named:
            return self._named[kind]
        from .naming import member

        members = Names({"MRO"})
        plan = EnumPlan(
            self._classes.give(class_name(kind if named else wanted)),
            tuple((members.give(member(value)), value) for value in values),
        )
        self._plans.append(plan)
        if named:
            self._named[kind] = plan
        return plan


def _is_whole(key: ForeignKey, model: ModelPlan, models: Mapping[str, ModelPlan]) -> bool:
    # A reference to what has no model can't be followed. SQLAlchemy splits names at dots.
    target = models.get(key.references)
    if target is None or key.referenced_schema is not None:
        return False
    known = set(target.attributes)
    return set(key.referenced) <= known and not any("." in name for name in key.referenced)


def _fill(model: ModelPlan, source: Source, enums: Enums) -> None:
    for column in model.table.columns:
        made = FieldOf(model, column, source, enums)
        model.fields.append((model.attributes[column.name], made.annotation, made.call))
    # What may be left out comes last, as in a signature.
    model.arguments = table_arguments(model, source)

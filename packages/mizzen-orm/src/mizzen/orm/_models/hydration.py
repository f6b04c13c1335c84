"""Objects made from rows by generated code; SQLAlchemy's state follows when somebody needs it.

A row as an object costs 8.5 µs through SQLAlchemy's loader and about 1 µs here. Such an object has
no instance state; the first use of it (`session.add`, a changed field, pickling) creates one
that says what a freshly loaded object's says.
"""

from __future__ import annotations

import weakref
from copy import deepcopy
from typing import TYPE_CHECKING, Any, cast

from pydantic import BaseModel
from sqlalchemy import inspect
from sqlalchemy.orm import InstanceState
from sqlalchemy.orm.attributes import manager_of_class, set_committed_value

from .._connections.converting import Twin
from .._fields import in_place

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .._core import Core
    from .model import Model

    Hydrate = Callable[[Sequence[Any], "Result"], list[Any]]

STATE = "_sa_instance_state"
_IDENTITY = "mizzen_identity"


class Result:
    """What rows that were read together have in common."""

    __slots__ = ("_rows", "database", "strict")

    def __init__(self, database: Core, *, strict: bool = False) -> None:
        self.database, self.strict = database, strict
        self._rows: list[weakref.ref[Any]] = []

    def gather(self, rows: list[Any]) -> None:
        """Remember the rows, for as long as somebody else holds them."""
        self._rows = list(map(weakref.ref, rows))

    def rows(self) -> list[Any]:
        """Return those that are still there."""
        return [row for reference in self._rows if (row := reference()) is not None]


class LazyState:
    """Stands for SQLAlchemy's instance state on the class; an instance's own one hides it."""

    def __get__(self, instance: Model | None, owner: type) -> Any:
        if instance is None or not was_read(instance):
            raise AttributeError(STATE)
        manager = cast("Any", manager_of_class(owner))
        state: Any = cast("Any", InstanceState)(instance, manager)
        held = vars(instance)
        keyed, names = _identity(manager)
        state.key = (keyed, tuple([held[name] for name in names]), None)
        held[STATE] = state
        return state


def _identity(manager: Any) -> tuple[type[Any], tuple[str, ...]]:
    # What SQLAlchemy's identity keys begin with, and the key's fields: kept, for 5 µs an object.
    found = manager.info.get(_IDENTITY)
    if found is None:
        mapper: Any = manager.mapper
        names = tuple(mapper.get_property_by_column(column).key for column in mapper.primary_key)
        found = manager.info[_IDENTITY] = (mapper._identity_class, names)
    return cast("tuple[type[Any], tuple[str, ...]]", found)


def key_names(model: type[Any]) -> tuple[str, ...]:
    """Return the fields of the primary key."""
    return _identity(mapper_of(model).class_manager)[1]


def mapper_of(model: type[Any]) -> Any:
    """Return SQLAlchemy's mapper, whose own types leave too much unknown."""
    held = model.__dict__
    if "_sa_class_manager" not in held:  # not mapped, or not any more
        return cast("Any", inspect(model))
    return held["__mapper__"]  # `inspect` takes 3 µs for it, by way of the bases


def state_of(instance: Model) -> Any:
    """Return SQLAlchemy's state of *instance*, made now if it was only read."""
    found = instance.__dict__.get(STATE)
    return inspect(instance) if found is None else found


def was_read(instance: Model) -> bool:
    """Return whether generated code made *instance* from a row."""
    try:  # the slot itself: asking the object for what it lacks costs 5 µs, in pydantic
        return bool(cast("Any", type(instance))._read.__get__(instance))
    except AttributeError:
        return False


def mark(instance: Model) -> None:
    """Say that *instance* is a row as the database has it; its state is made when needed."""
    vars(instance).pop(STATE, None)
    cast("Any", type(instance))._read.__set__(instance, True)


def has_state(instance: Model) -> bool:
    """Return whether *instance* is one that SQLAlchemy knows, or will when asked."""
    return STATE in vars(instance) or was_read(instance)


def deepen(made: Model, memo: dict[int, Any]) -> None:
    """Let *made*, a shallow copy, hold copies of values and of related objects."""
    held = vars(made)
    relations = mapper_of(type(made)).relationships
    for name in [name for name in held if name != STATE]:
        if name in relations and isinstance(held[name], list):
            others = [deepcopy(other, memo) for other in held.pop(name)]
            set_committed_value(made, name, others)
        else:
            held[name] = deepcopy(held[name], memo)
    private = getattr(made, "__pydantic_private__", None)
    object.__setattr__(made, "__pydantic_private__", deepcopy(private, memo))


def is_plain(model: type[Model]) -> bool:
    """Return whether every row of *model* is its columns and nothing else."""
    mapper = mapper_of(model)
    listeners = mapper.class_manager.dispatch
    return (
        mapper.polymorphic_on is None
        and not mapper.single
        and len(mapper.tables) == 1
        and all(len(found.columns) == 1 and not found.deferred for found in mapper.column_attrs)
        and all(found.columns[0].table is mapper.local_table for found in mapper.column_attrs)
        and not list(mapper.composites)
        and not (listeners.load or listeners.refresh)
    )


def hydrator(
    model: type[Model],
    names: Sequence[str],
    convert: Sequence[Callable[[Any], Any] | None],
) -> Hydrate:
    """Return the function that makes a list of objects from rows of the columns *names*."""
    careful = _generated(model, names, convert, _called)
    quick = _generated(model, names, convert, _in_place)

    def hydrate(rows: Sequence[Any], result: Result) -> list[Any]:
        try:
            return quick(rows, result)
        except ValueError:  # an unusual value, see `converting`
            return careful(rows, result)

    return hydrate


def _generated(
    model: type[Model],
    names: Sequence[str],
    convert: Sequence[Callable[[Any], Any] | None],
    write: Callable[[str, Callable[[Any], Any], dict[str, Any]], str],
) -> Hydrate:
    cells = [f"c{number}" for number in range(len(names))]
    scope: dict[str, Any] = {
        "new": object.__new__,
        "model": model,
        "fill": cast("Any", BaseModel).__dict__["__dict__"].__set__,
        "mark": cast("Any", model)._read.__set__,
    }
    values = ", ".join(
        f"{name!r}: {cell if how is None else write(cell, how, scope)}"
        for name, cell, how in zip(names, cells, convert, strict=True)
    )
    source = (
        "def hydrate(rows, result):\n"
        "    made = []\n"
        "    add = made.append\n"
        f"    for ({', '.join(cells)},) in rows:\n"
        "        row = new(model)\n"
        f"        fill(row, {{{values}}})\n"
        "        mark(row, result)\n"
        f"{_keeping(model, names, cells, convert, scope)}"
        "        add(row)\n"
        "    return made\n"
    )
    # Built from mapped names (quoted by repr) only: a loop over them costs twice as much a row.
    exec(source, scope)  # noqa: S102
    return cast("Hydrate", scope["hydrate"])


def _keeping(
    model: type[Model],
    names: Sequence[str],
    cells: Sequence[str],
    convert: Sequence[Callable[[Any], Any] | None],
    scope: dict[str, Any],
) -> str:
    """Return the lines that remember what may change inside the values of one row."""
    mutable = in_place.mutable_fields(model)
    kept = [each for each in zip(names, cells, convert, strict=True) if each[0] in mutable]
    if not kept:
        return ""
    scope |= {
        "keep": in_place.keep,
        "hold": cast("Any", model)._kept.__set__,
        "forms": in_place.forms_of_cells([(name, how) for name, _, how in kept]),
        "unchanging": in_place.UNCHANGING,
    }
    fixed = " and ".join(f"{cell}.__class__ in unchanging" for _, cell, _ in kept)
    return (
        f"        if {fixed}:\n"
        f"            hold(row, (forms, {', '.join(cell for _, cell, _ in kept)}))\n"
        "        else:\n"
        "            keep(row)\n"
    )


def _called(cell: str, how: Callable[[Any], Any], scope: dict[str, Any]) -> str:
    scope[f"p{cell}"] = how
    return f"p{cell}({cell})"


def _in_place(cell: str, how: Callable[[Any], Any], scope: dict[str, Any]) -> str:
    # 1,000 rows with a time and a document: 4.2 ms with calls, 2.3 ms without.
    if not isinstance(how, Twin):
        return _called(cell, how, scope)
    scope |= {f"{name}_{cell}": value for name, value in how.names.items()}
    return how.in_place(cell)


def plain(model: type[Model]) -> bool:
    """Return `is_plain`, remembered on the class."""
    found = model.__dict__.get("__plain__")
    if found is None:
        found = is_plain(model)
        type.__setattr__(model, "__plain__", found)
    return bool(found)

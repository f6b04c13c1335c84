"""The model: a SQLModel table that validates always and knows how to read and write itself."""

from __future__ import annotations

from copy import copy, deepcopy
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

from sqlalchemy import inspect
from sqlalchemy.ext.hybrid import hybrid_method, hybrid_property
from sqlalchemy.orm.attributes import manager_of_class, set_attribute
from sqlmodel import SQLModel
from sqlmodel._compat import SQLModelConfig, finish_init

from .._display import html_table, shortened
from .._fields import in_place
from .._fields.zones import with_zones
from .._queries.query import Query
from .._relations.loading import load_relation
from .._search.index import SearchIndex
from . import bulk_inserting, hydration, known, locking, writing
from .dirty import Differences, changes_of, previous_changes_of
from .fresh_objects import complete
from .hydration import has_state, state_of, was_read
from .metaclass import ModelMeta, is_table
from .validation import Validated, checked, validate, validate_fields

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping, Sequence

    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema
    from sqlmodel import Field

    from .._core import Core
    from .._relations.declared import Relation
    from .._relations.polymorphic import Polymorphic


_PYDANTIC_SLOTS = {"__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__"}


class Model(SQLModel, metaclass=ModelMeta, registry=known.fresh_registry()):
    """Base of your models; a subclass is a table unless it says `table=False`.

    A model that declares no primary key gets `id: int | None`. Reads outside a transaction return
    free-standing objects; each write outside one opens its own.
    """

    model_config: ClassVar[SQLModelConfig] = SQLModelConfig(  # pyright: ignore[reportIncompatibleVariableOverride]
        extra="forbid", ignored_types=(SearchIndex, hybrid_property, hybrid_method)
    )
    __slots__ = ("_kept", "_previous", "_read")  # see `in_place`, `dirty` and `hydration`
    __relations__: ClassVar[dict[str, Relation]] = {}
    __polymorphic__: ClassVar[dict[str, Polymorphic]] = {}
    __search__: ClassVar[SearchIndex | None] = None

    if TYPE_CHECKING:
        id: Any = Field(default=None)

    def __init__(self, /, *validated: Validated, **data: Any) -> None:
        if not is_table(type(self)):
            super().__init__(**data)
        elif finish_init.get():
            known.require(type(self))
            writing.fill(
                self, checked(self, validated) if validated else validate(type(self), data)
            )

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "_sa_instance_state":  # once for every row that is read
            vars(self)[name] = value
            return
        # A shadow (see `validation`) carries no SQLAlchemy state; validators may assign to it.
        if name in type(self).__pydantic_fields__ and has_state(self):
            value = validate_fields(type(self), self.__dict__, {name: value})[name]
            set_attribute(self, name, value)
            self.__pydantic_fields_set__.add(name)
        elif name in type(self).__pydantic_fields__:
            vars(self)[name] = value
        elif name in type(self).__sqlmodel_relationships__:
            writing.relate(self, name, value)
        else:
            super().__setattr__(name, value)

    def __getattr__(self, name: str) -> Any:
        if name in _PYDANTIC_SLOTS and name not in vars(type(self)) and was_read(self):
            held = set(self.__dict__) & set(type(self).__pydantic_fields__)
            object.__setattr__(self, "__pydantic_fields_set__", held)
            object.__setattr__(self, "__pydantic_extra__", None)
            object.__setattr__(self, "__pydantic_private__", None)
            return object.__getattribute__(self, name)
        if name == "_sa_instance_state":  # SQLAlchemy asks each new object whether it has one
            raise AttributeError(name)
        inherited: Any = super()
        return inherited.__getattr__(name)

    def __getstate__(self) -> dict[Any, Any]:
        if was_read(self):
            inspect(self)  # the state says which row this is, wherever it is unpickled
        return super().__getstate__()

    def __copy__(self) -> Self:
        """Return another object for the same row, or another new one."""
        made = super().__copy__()
        state = cast("Any", vars(made)).pop("_sa_instance_state", None)
        if was_read(self) or (state is not None and state.key is not None):
            hydration.mark(made)
            in_place.keep(made)
        else:
            manager_of_class(type(self)).setup_instance(made)
        return made

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        """Return a copy, as `copy` does, with copies of what it holds and of loaded relations."""
        made = copy(self)
        memo = {} if memo is None else memo
        memo[id(self)] = made
        hydration.deepen(made, memo)
        return made

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy, as `copy` or `deepcopy` do, with *update* validated and to be saved."""
        made = deepcopy(self) if deep else copy(self)
        if update:
            writing.change(made, update)
        return made

    @classmethod
    def model_validate(
        cls, obj: Any, *, update: Mapping[str, Any] | None = None, **options: Any
    ) -> Self:
        """Return a new, unsaved instance from a mapping or an object with attributes."""
        if isinstance(obj, dict):
            return cls(validate(cls, {**obj, **(update or {})}, **options))
        found = validate(cls, obj, **{"from_attributes": True, **options})
        if update:
            found.values.update(validate_fields(cls, found.values, update))
            found.given.update(update)
        return cls(found)

    @classmethod
    def model_construct(cls, _fields_set: set[str] | None = None, **values: Any) -> Self:
        """Make a new, unsaved instance of trusted values: nothing looks at those of fields."""
        made = super().model_construct(_fields_set, **values)
        if is_table(cls):
            complete(cls, [made])
            for name in cls.__sqlmodel_relationships__.keys() & values.keys():
                writing.relate(made, name, values[name])
        return made

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return with_zones(cls.__pydantic_fields__, handler(source), handler)

    async def load(self, *names: str) -> Self:
        """Load relations that are not loaded yet, on this row and on those read along with it."""
        for name in names:
            await load_relation(self, name)
        return self

    def __await__(self) -> Generator[Any, Any, Self]:
        """Return the row itself: `await note.owner` works whether the owner is loaded or not."""
        return self
        yield

    @classmethod
    async def create(cls, **values: Any) -> Self:
        """Insert one row and return it."""
        return await writing.create(cls, values, plainly=cls.save is Model.save)

    async def save(self) -> Self:
        """Insert or update this row; only changed columns are written."""
        await writing.save(self)
        return self

    async def update(self, **changes: Any) -> Self:
        """Change fields and save; when one value is bad, none is changed."""
        writing.change(self, changes)
        return await self.save()

    async def destroy(self) -> None:
        """Delete this row; the database's ON DELETE rules take its dependents along."""
        await writing.destroy(self)

    @property
    def is_new(self) -> bool:
        """Whether the row was never saved."""
        return state_of(self).key is None

    @property
    def changes(self) -> Differences:
        """What a save would write: `{field: (old value, new value)}`; empty: nothing."""
        return changes_of(self)

    @property
    def previous_changes(self) -> Differences:
        """What the last save wrote: `{field: (old value, new value)}`."""
        return previous_changes_of(self)

    async def reload(self) -> Self:
        """Read this row again; raises `NotFound` when it is gone."""
        await writing.reload(self)
        return self

    async def lock(self, *, nowait: bool = False) -> Self:
        """Read this row again and keep it from others (`FOR UPDATE`) until the transaction ends.

        Only inside `db.transaction()`, and before it is changed. A row that another transaction
        holds is waited for; with `nowait` it raises `Busy`. On SQLite the transaction itself keeps
        other writers out.
        """
        await locking.lock(self, nowait=nowait)
        return self

    @classmethod
    async def insert_all(cls, rows: Iterable[Self | Mapping[str, Any]]) -> list[Self]:
        """Insert many rows, validated, in few statements; all or none are saved."""
        return await bulk_inserting.insert_all(cls, rows)

    @classmethod
    def using(cls, database: Core) -> Query[Self]:
        """Return a query on *database*, when several are open."""
        return Query(cls).using(database)

    @classmethod
    def where(cls, *conditions: object, **lookups: Any) -> Query[Self]:
        """Return the query for rows that meet every condition; see `Query.where`."""
        return Query(cls).where(*conditions, **lookups)

    @classmethod
    def matching(cls, text: str) -> Query[Self]:
        """Return the full-text search for *text*, best first.

        Words all have to occur; `"a phrase"`, `-without`, `begin*`. Malformed text is no error.
        """
        return Query(cls).matching(text)

    @classmethod
    async def get(cls, key: Any) -> Self:
        """Return the row with this primary key; raises `NotFound`."""
        return await Query(cls).get(key)

    @classmethod
    async def find(cls, key: Any) -> Self | None:
        """Return the row with this primary key, or None."""
        return await Query(cls).find(key)

    @classmethod
    async def find_by(cls, **lookups: Any) -> Self | None:
        """Return the first row that matches, or None."""
        return await Query(cls).where(**lookups).first()

    def __eq__(self, other: object) -> bool:
        """Two saved objects are equal when they are the same row."""
        if not isinstance(other, Model) or type(self) is not type(other):
            return NotImplemented
        mine, theirs = inspect(self).key, inspect(other).key
        return self is other or (mine is not None and mine == theirs)

    def __hash__(self) -> int:
        return hash((type(self), inspect(self).key or id(self)))

    def __repr_args__(self) -> Sequence[tuple[str | None, Any]]:
        fields = type(self).__pydantic_fields__
        shown = [name for name in fields if name in self.__dict__ and fields[name].repr]
        related = [name for name in type(self).__relations__ if name in self.__dict__]
        return [(name, _Shown(self.__dict__[name])) for name in shown] + [
            (name, _Many(self.__dict__[name])) for name in related
        ]

    def _repr_html_(self) -> str:
        facts = {str(key): repr(value) for key, value in self.__repr_args__()}
        return html_table(type(self).__name__, facts)


class _Shown:
    """A value whose repr is short enough for one line."""

    def __init__(self, value: object) -> None:
        self._value = value

    def __repr__(self) -> str:
        return shortened(self._value)


class _Many:
    """A loaded relation, shown by size or key: two that hold each other would never end."""

    def __init__(self, value: Any) -> None:
        self._value: Any = value

    def __repr__(self) -> str:
        value: object = self._value
        if isinstance(value, list | set | tuple):
            return f"[{len(cast('list[object]', value))}]"
        if not isinstance(self._value, Model):
            return repr(self._value)
        key = inspect(self._value).identity or ()
        return f"{type(self._value).__name__}({', '.join(map(repr, key))})"

"""Factories: valid objects of a model, with only what a test is about said."""

from __future__ import annotations

import copy
from itertools import count
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, cast, get_args, get_origin

from .._errors import ConfigurationError, UnknownName
from .._models.hydration import mapper_of
from .._models.model import Model
from .declarations import Lazy, Sequence, Sub, Trait
from .values import value_for

if TYPE_CHECKING:
    from collections.abc import Iterator

M = TypeVar("M", bound=Model)


class Factory(Generic[M]):
    """Makes objects of the model it names: `class GistFactory(Factory[Gist]): stars = 3`.

    A field may be a plain value, `sequence("Gist {n}")`, `lazy(lambda gist: …)` or
    `sub(UserFactory)`; `name = trait(stars=100)` names values that go together. A required field
    that nothing is said of gets a valid value of its type, and a required relation an object.
    """

    _model: ClassVar[type[Any]]
    _declared: ClassVar[dict[str, Any]] = {}
    _traits: ClassVar[dict[str, dict[str, Any]]] = {}
    _numbers: ClassVar[Iterator[int]]

    def __init_subclass__(cls) -> None:
        for base in getattr(cls, "__orig_bases__", ()):
            given = get_args(base)
            if get_origin(base) is Factory and isinstance(given[0], type):
                cls._model = given[0]
        if not hasattr(cls, "_model"):
            raise ConfigurationError(f"{cls.__name__}: say which model, as in Factory[Gist].")
        body = {key: value for key, value in vars(cls).items() if _declares(key, value)}
        traits = {key: value.values for key, value in body.items() if isinstance(value, Trait)}
        cls._traits = {**cls._traits, **traits}
        cls._declared = {
            **cls._declared,
            **{key: value for key, value in body.items() if key not in traits},
        }
        cls._numbers = count(1)
        for names in (cls._declared, *cls._traits.values()):
            cls._check(names)

    @classmethod
    def build(cls, *traits: str, **values: Any) -> M:
        """Return a new, unsaved object; related ones are new, too."""
        return cast("M", build(_Making(cls, cls._given(traits, values))))

    @classmethod
    def build_many(cls, number: int, *traits: str, **values: Any) -> list[M]:
        """Return *number* new, unsaved objects."""
        return [cls.build(*traits, **values) for _ in range(number)]

    @classmethod
    async def create(cls, *traits: str, **values: Any) -> M:
        """Save an object, after those it needs, in the database in use, and return it."""
        made = await create(_Making(cls, cls._given(traits, values)))
        return cast("M", await made.save())

    @classmethod
    async def create_many(cls, number: int, *traits: str, **values: Any) -> list[M]:
        """Save *number* objects one after the other, with their callbacks."""
        return [await cls.create(*traits, **values) for _ in range(number)]

    @classmethod
    def restart(cls, number: int = 1) -> None:
        """Begin the numbers of sequences again."""
        cls._numbers = count(number)

    @classmethod
    def _given(cls, traits: tuple[str, ...], values: dict[str, Any]) -> dict[str, Any]:
        made: dict[str, Any] = dict(cls._declared)
        for name in traits:
            if name not in cls._traits:
                known = ", ".join(cls._traits) or "none"
                raise UnknownName(f"{cls.__name__} has no trait {name!r}; it has {known}.")
            made |= cls._traits[name]
        cls._check(values)
        return made | values

    @classmethod
    def _check(cls, names: dict[str, Any]) -> None:
        model = cls._model
        for name in names:
            if name not in model.__pydantic_fields__ and name not in _relations(model):
                raise UnknownName(
                    f"{cls.__name__}: {model.__name__} has no field or relation {name!r}.",
                    model=model.__name__,
                    name=name,
                )


class _Making:
    """One object in the making: values are worked out when somebody asks for them."""

    def __init__(self, factory: type[Factory[Any]], given: dict[str, Any]) -> None:
        self._factory: Any = factory
        self._model: type[Any] = self._factory._model
        self._number = next(self._factory._numbers)
        self._given = {**self._required(given), **given}
        self._made: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        if name in self._made:
            return self._made[name]
        if name not in self._given:
            field = self._model.__pydantic_fields__.get(name)
            if field is None:
                raise AttributeError(f"{self._factory.__name__} makes no {name!r}")
            return field.get_default(call_default_factory=True)
        self._made[name] = self._resolved(name, self._given[name])
        return self._made[name]

    def _values(self) -> dict[str, Any]:
        keys = [
            name
            for name, value in self._given.items()
            if not isinstance(value, Sub) or name in self._made
        ]
        return {name: self.__getattr__(name) for name in keys}

    def _resolved(self, name: str, value: Any) -> Any:
        if isinstance(value, Sequence):
            return value.at(self._number)
        if isinstance(value, Lazy):
            self._given[name] = _Turning(f"{self._factory.__name__}.{name}")
            return value.make(self)
        if isinstance(value, _Turning):
            raise ConfigurationError(f"{value.name} follows from itself.")
        return copy.deepcopy(value) if type(value) in {dict, list, set} else value

    def _required(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return what nothing is said of and the model can't do without."""
        made: dict[str, Any] = {}
        related = _by_key(self._model)
        for name, field in self._model.__pydantic_fields__.items():
            if name in given or not field.is_required():
                continue
            relation, target = related.get(name, (None, None))
            if relation in given:
                continue
            if target is None:
                made[name] = value_for(self._model, name, self._number)
            elif target is self._model:
                raise ConfigurationError(
                    f"{self._model.__name__}.{name} needs another {target.__name__}, which needs "
                    f"another: give {self._factory.__name__} a value for it."
                )
            else:
                made[relation or name] = Sub(_default(target), (), {})
        return made


def build(making: Any) -> Any:
    """Return the object, with new ones for its relations."""
    for name, value in making._given.items():
        if isinstance(value, Sub) and name in _relations(making._model):
            making._made[name] = value.factory.build(*value.traits, **value.values)
    for name, (relation, _target) in _by_key(making._model).items():
        # A required key stands for one that is not known before the other row is saved.
        required = making._model.__pydantic_fields__[name].is_required()
        if required and (relation in making._made or isinstance(making._given.get(name), Sub)):
            making._made[name] = value_for(making._model, name, making._number)
            making._given.setdefault(name, making._made[name])
    return making._model(**making._values())


async def create(making: Any) -> Any:
    """Return the object, after saving those that it needs."""
    for name, value in making._given.items():
        if isinstance(value, Sub):
            other = await value.factory.create(*value.traits, **value.values)
            making._made[name] = other if name in _relations(making._model) else _key(other)
    return making._model(**making._values())


class _Turning:
    def __init__(self, name: str) -> None:
        self.name = name


def _declares(name: str, value: Any) -> bool:
    return not name.startswith("_") and not isinstance(value, classmethod | staticmethod | property)


def _relations(model: type[Any]) -> set[str]:
    return {*model.__relations__, *model.__polymorphic__}


def _by_key(model: type[Any]) -> dict[str, tuple[str | None, type[Any] | None]]:
    """Return, for each foreign key of one column, its relation if any, and the model it is of."""
    from .._models import known

    tables = {known.table_of(other): other for other in known.models()}
    mapper = mapper_of(model)
    found: dict[str, tuple[str | None, type[Any] | None]] = {}
    for column in mapper.local_table.columns:
        for key in column.foreign_keys:
            target = tables.get(key.column.table)
            found[mapper.get_property_by_column(column).key] = (None, target)
    for name, relation in mapper.relationships.items():
        pairs = list(relation.local_remote_pairs or ())
        if relation.uselist is False and len(pairs) == 1 and relation.secondary is None:
            field = mapper.get_property_by_column(pairs[0][0]).key
            if field in found:
                found[field] = (name, relation.mapper.class_)
    return found


def _default(model: type[Any]) -> type[Factory[Any]]:
    """Return the factory of a model for which nobody wrote one."""
    made: Any = model.__dict__.get("__default_factory__")
    if made is None:
        made = type(f"{model.__name__}Factory", (Factory,), {"_model": model})
        type.__setattr__(model, "__default_factory__", made)
    return cast("type[Factory[Any]]", made)


def _key(other: Any) -> Any:
    model: Any = other.__class__
    key = mapper_of(model).primary_key_from_instance(other)
    return key[0] if len(key) == 1 else tuple(key)

"""Relations that were not loaded: awaiting one loads it, for every row of the same result.

`for post in await Post.all(): (await post.author).name` costs two SELECTs, not one for each post:
the first access loads the authors of all the posts that came along, as long as somebody holds them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sqlalchemy.util.concurrency import in_greenlet

from .._errors import NotLoaded
from .._models.hydration import Result, state_of, was_read
from .collection import Collection
from .late_adapter import adapted_late, gone

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator

    from sqlalchemy.orm import InstrumentedAttribute

    from .._models.model import Model

T = TypeVar("T", bound="Model")


class Related(list[T], Collection[T]):
    """A relation to many rows: a list once it is loaded; awaiting it loads it, or gives itself.

    `tags: Related[Tag] = Relationship(...)` says to checkers what `list[Tag]` doesn't: that it can
    be awaited, and what else it does.
    """

    __slots__ = ("_held_as", "_held_by")  # see `late_adapter`

    def __await__(self) -> Generator[Any, Any, Related[T]]:
        return self
        yield

    def _belongs(self) -> tuple[Model, str]:
        adapter: Any = getattr(self, "_sa_adapter", None)
        if adapter is None or (owner := adapter.owner_state.obj()) is None:
            raise gone()
        return owner, adapter.attr.key

    def __getstate__(self) -> Any:
        getattr(self, "_sa_adapter", None)  # made now: it says whose list this is
        return self.__dict__ or None


adapted_late(Related)


class Lazy(Collection[T], Generic[T]):
    """A relation that is not loaded yet: `await` it; anything else says so."""

    def __init__(self, owner: Model, name: str) -> None:
        self._owner, self._name = owner, name

    def __await__(self) -> Generator[Any, Any, T]:
        return self._load().__await__()

    async def __aiter__(self) -> AsyncIterator[Any]:
        """Iterate over the loaded rows."""
        found: Any = await self
        for each in found if hasattr(found, "__iter__") else [found]:
            yield each

    def _belongs(self) -> tuple[Model, str]:
        return self._owner, self._name

    async def _load(self) -> Any:
        from .loading import load_relation

        return await load_relation(self._owner, self._name)

    def _refuse(self, *, strict: bool = False) -> NotLoaded:
        model = type(self._owner).__name__
        said = "`await` it, or load it" if not strict else "its query has strict_loading(), load it"
        return NotLoaded(
            f'{model}.{self._name} is not loaded: {said} along with `.include("{self._name}")`.',
            model=model,
            name=self._name,
        )

    def __getattr__(self, name: str) -> Any:
        raise self._refuse()

    def __iter__(self) -> Any:
        raise self._refuse()

    def __len__(self) -> int:
        raise self._refuse()

    def __bool__(self) -> bool:
        raise self._refuse()

    def __getitem__(self, index: object) -> Any:
        raise self._refuse()

    def __contains__(self, other: object) -> bool:
        raise self._refuse()

    def __repr__(self) -> str:
        return f"<{type(self._owner).__name__}.{self._name}, not loaded>"


class RelationAttribute:
    """Stands for a relation on its class; a loaded one is found in the instance before this."""

    def __init__(self, native: InstrumentedAttribute[Any]) -> None:
        self.native = native

    def __get__(self, instance: Model | None, owner: type) -> Any:
        if instance is None:
            return self.native
        if _is_new(instance) or _loads_by_itself(instance):
            return self.native.__get__(instance, owner)
        lazy: Lazy[Any] = Lazy(instance, self.native.key)
        refuse_if_strict(instance, lazy)
        return lazy


def refuse_if_strict(instance: Model, lazy: Lazy[Any]) -> None:
    """Raise `NotLoaded` when *instance* was read to load nothing later."""
    origin = getattr(instance, "_read", False)
    if isinstance(origin, Result) and origin.strict:
        raise lazy._refuse(strict=True)  # pyright: ignore[reportPrivateUsage]


def make_lazy(model: type[Model]) -> None:
    """Let the relations of *model*, now mapped, be awaited."""
    for name in model.__relations__:
        native = getattr(model, name)
        type.__setattr__(model, name, RelationAttribute(native))


def _is_new(instance: Model) -> bool:
    return not was_read(instance) and state_of(instance).key is None


def _loads_by_itself(instance: Model) -> bool:
    # In a plain Session, or inside `run_sync`, SQLAlchemy's own lazy loading works.
    state: Any = instance.__dict__.get("_sa_instance_state")
    if state is None or state.session is None:
        return False
    return in_greenlet() or not state.session.get_bind().dialect.is_async

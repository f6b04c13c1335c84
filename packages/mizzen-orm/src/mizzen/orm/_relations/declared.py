"""Relations between models: read from annotations, resolved late, rebuilt with their models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import relationship

from .._errors import ConfigurationError
from . import annotated, joins, through
from .lazy import Related
from .options import RelationInfo
from .read_only import ReadOnlyRelated

if TYPE_CHECKING:
    from sqlalchemy.orm import RelationshipProperty
    from sqlmodel.main import RelationshipInfo


@dataclass(frozen=True)
class Relation:
    """One declared relation: to which model, one or many, and what `Relationship` was told."""

    name: str
    target: str | type
    many: bool
    info: RelationshipInfo

    @classmethod
    def read(cls, model: str, name: str, annotation: object, info: RelationshipInfo) -> Relation:
        """Read a relation from its annotation, which may still be text."""
        found = read(model, name, annotation)
        if len(found.targets) > 1:
            said = " | ".join(map(annotated.name_of, found.targets))
            raise ConfigurationError(
                f"{model}.{name}: {said} is several models: say Relationship(polymorphic=True)."
            )
        made = cls(name, next(iter(found.targets)), found.many, info)
        joins.check(model, made)
        return made

    @property
    def targets(self) -> tuple[str | type, ...]:
        """The model, as a polymorphic relation has several."""
        return (self.target,)

    @property
    def through(self) -> str | None:
        """The relations that lead to the target, or None when the keys do."""
        return self.info.through if isinstance(self.info, RelationInfo) else None

    def build(self, owner: type) -> RelationshipProperty[Any]:
        """Return SQLAlchemy's relationship, which looks its target up when it is first used."""
        from .._models.known import find, table_of

        options: dict[str, Any] = dict(self.info.sa_relationship_kwargs or {})
        options.setdefault("uselist", self.many)
        if self.many:
            kind = ReadOnlyRelated if self.through else Related
            options.setdefault("collection_class", kind)
        if self.info.back_populates:
            options["back_populates"] = self.info.back_populates
        if self.info.cascade_delete:
            options["cascade"] = "all, delete-orphan"
        if self.info.passive_deletes:
            options["passive_deletes"] = self.info.passive_deletes
        elif self.many and self.info.link_model is None:
            # The database's ON DELETE rules decide; nothing is loaded only to be deleted.
            options.setdefault("passive_deletes", True)
        if (link := self.info.link_model) is not None:
            options["secondary"] = lambda: table_of(find(link, owner))
        if self.through:
            options.pop("passive_deletes", None)
            options |= through.options(self, owner)
        else:
            joins.complete(self, owner, options)
        return relationship(
            lambda: find(self.target, owner), *(self.info.sa_relationship_args or ()), **options
        )


def read(model: str, name: str, annotation: object) -> annotated.Annotated:
    """Return what an annotation says; raises `ConfigurationError`."""
    try:
        return annotated.read(annotation)
    except (SyntaxError, LookupError, TypeError) as error:
        raise ConfigurationError(
            f"{model}.{name}: {annotation!r} names no model; write `User | None`, `User` "
            "or `list[User]`."
        ) from error

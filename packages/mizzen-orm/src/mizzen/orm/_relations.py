"""Relations between models: read from annotations, resolved late, rebuilt with their models."""

from __future__ import annotations

import ast
import types
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ForwardRef, Union, get_args, get_origin

from sqlalchemy.orm import Mapped, relationship

from ._errors import ConfigurationError

if TYPE_CHECKING:
    from sqlalchemy.orm import RelationshipProperty
    from sqlmodel.main import RelationshipInfo

_OPTIONAL = {"Optional", "Union"}
_MANY = {"list", "List", "set", "Set", "Sequence"}


@dataclass(frozen=True)
class Relation:
    """One declared relation: to which model, one or many, and SQLModel's own options."""

    name: str
    target: str | type
    many: bool
    info: RelationshipInfo

    @classmethod
    def read(cls, model: str, name: str, annotation: object, info: RelationshipInfo) -> Relation:
        """Read a relation from its annotation, which may still be text."""
        try:
            target, many = _read(annotation)
        except (SyntaxError, LookupError, TypeError) as error:
            raise ConfigurationError(
                f"{model}.{name}: {annotation!r} names no model; write `User | None`, `User` "
                "or `list[User]`."
            ) from error
        return cls(name, target, many, info)

    def build(self, owner: type) -> RelationshipProperty[Any]:
        """Return SQLAlchemy's relationship, which looks its target up when it is first used."""
        from ._known import find, table_of

        options: dict[str, Any] = dict(self.info.sa_relationship_kwargs or {})
        options.setdefault("uselist", self.many)
        if self.info.back_populates:
            options["back_populates"] = self.info.back_populates
        if self.info.cascade_delete:
            options["cascade"] = "all, delete-orphan"
        if self.info.passive_deletes:
            options["passive_deletes"] = self.info.passive_deletes
        elif self.many:
            # The database's ON DELETE rules decide; nothing is loaded only to be deleted.
            options.setdefault("passive_deletes", True)
        if (link := self.info.link_model) is not None:
            options["secondary"] = lambda: table_of(find(link, owner))
        return relationship(
            lambda: find(self.target, owner), *(self.info.sa_relationship_args or ()), **options
        )


def _read(annotation: object) -> tuple[str | type, bool]:
    if isinstance(annotation, ForwardRef):
        annotation = annotation.__forward_arg__
    if isinstance(annotation, str):
        return _read_text(ast.parse(annotation, mode="eval").body)
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Mapped:
        return _read(inner[0])
    if origin in {Union, types.UnionType}:
        (one,) = [part for part in inner if part is not types.NoneType] or [annotation]
        return _read(one)
    if origin is not None:
        return _read(inner[0])[0], True
    if isinstance(annotation, type):
        return annotation, False
    raise TypeError(annotation)


def _read_text(node: ast.expr) -> tuple[str | type, bool]:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name, False
        case ast.Constant(value=str(name)):
            return _read_text(ast.parse(name, mode="eval").body)
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _read_text(left if _is_none(right) else right)
        case ast.Subscript(value=ast.Name(id=name) | ast.Attribute(attr=name), slice=inner):
            if name in _OPTIONAL and isinstance(inner, ast.Tuple):
                inner = next(part for part in inner.elts if not _is_none(part))
            target, many = _read_text(inner)
            return target, many or name in _MANY
        case _:
            raise TypeError(ast.dump(node))


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None

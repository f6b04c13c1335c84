"""What a relation's annotation says: to which models, one or many; also while it is text."""

from __future__ import annotations

import ast
import types
from typing import Any, ForwardRef, NamedTuple, Union, get_args, get_origin

from sqlalchemy.orm import Mapped

_UNION = {"Optional", "Union"}
_MANY = {"list", "List", "set", "Set", "Sequence", "Related"}


class Annotated(NamedTuple):
    """The models that are named, whether it is a collection, and whether it may be None."""

    targets: tuple[str | type, ...]
    many: bool = False
    optional: bool = False


def read(annotation: object) -> Annotated:
    """Read an annotation; raises SyntaxError, LookupError or TypeError for what names no model."""
    if isinstance(annotation, ForwardRef):
        annotation = annotation.__forward_arg__
    if isinstance(annotation, str):
        return _read_text(ast.parse(annotation, mode="eval").body)
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Mapped:
        return read(inner[0])
    if origin in {Union, types.UnionType}:
        return _joined([None if part is types.NoneType else read(part) for part in inner])
    if origin is not None:
        return read(inner[0])._replace(many=True)
    if isinstance(annotation, type):
        return Annotated((annotation,))
    raise TypeError(annotation)


def _read_text(node: ast.expr) -> Annotated:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return Annotated((name,))
        case ast.Constant(value=str(name)):
            return _read_text(ast.parse(name, mode="eval").body)
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _joined([_part(left), _part(right)])
        case ast.Subscript(value=ast.Name(id=name) | ast.Attribute(attr=name), slice=inner):
            if name in _UNION:
                parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
                found = _joined([_part(part) for part in parts])
                return found._replace(optional=found.optional or name == "Optional")
            found = _read_text(inner)
            return found._replace(many=found.many or name in _MANY)
        case _:
            raise TypeError(ast.dump(node))


def _part(node: ast.expr) -> Annotated | None:
    return None if isinstance(node, ast.Constant) and node.value is None else _read_text(node)


def _joined(parts: list[Annotated | None]) -> Annotated:
    found = [part for part in parts if part is not None]
    targets = tuple(target for part in found for target in part.targets)
    if not targets:
        raise TypeError("only None")
    optional = None in parts or any(part.optional for part in found)
    return Annotated(targets, any(part.many for part in found), optional)


def class_of(row: object) -> type[Any]:
    """Return the class of *row*, of which checkers know nothing."""
    return type(row)


def name_of(target: str | type[Any]) -> str:
    """Return the name of a model that an annotation names."""
    return target if isinstance(target, str) else target.__name__

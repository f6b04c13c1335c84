"""Relations of generated models: each reference is followed both ways."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .code import Call, Fields
from .naming import attribute, one_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .catalog import ForeignKey
    from .plan import ModelPlan


@dataclass
class _Pair:
    child: ModelPlan
    parent: ModelPlan
    key: ForeignKey
    up: str = ""
    down: str = ""

    @property
    def one(self) -> bool:
        """Whether a parent has at most one child."""
        from .plan import key_of

        columns = set(self.key.columns)
        table = self.child.table
        unique = [set(unique.columns) for unique in table.uniques]
        unique += [
            set(i.columns) for i in table.indexes if i.unique and not (i.where or i.expressions)
        ]
        return columns in unique or columns == set(table.primary_key or key_of(table))


def relate(models: Mapping[str, ModelPlan]) -> None:
    """Give each model its relations."""
    pairs = [
        _Pair(model, models[key.references], key) for model in models.values() for key in model.keys
    ]
    for pair in pairs:
        pair.up = pair.child.names.give(_up(pair))
    for pair in pairs:
        pair.down = pair.parent.names.give(_down(pair, pairs))
    for pair in pairs:
        options, back = _options(pair, pairs)
        kwargs: dict[str, Any] = {"back_populates": pair.down}
        if options:
            kwargs["sa_relationship_kwargs"] = options
        pair.child.relations.append(
            (pair.up, f"{pair.parent.name} | None", Call("Relationship", (), kwargs))
        )
        kwargs = {"back_populates": pair.up}
        if back:
            kwargs["sa_relationship_kwargs"] = back
        kind = f"{pair.child.name} | None" if pair.one else f"list[{pair.child.name}]"
        pair.parent.relations.append((pair.down, kind, Call("Relationship", (), kwargs)))


def _up(pair: _Pair) -> str:
    if len(pair.key.columns) == 1:
        name = pair.child.attributes[pair.key.columns[0]]
        if name.endswith("_id") and len(name) > 3:
            return name[:-3]
    return one_of(pair.parent.table.name)


def _down(pair: _Pair, pairs: list[_Pair]) -> str:
    table = pair.child.table.name
    name = one_of(table) if pair.one else attribute(table)
    return f"{name}_as_{pair.up}" if _siblings(pair, pairs) else name


def _siblings(pair: _Pair, pairs: list[_Pair]) -> bool:
    same = [other for other in pairs if other.child is pair.child and other.parent is pair.parent]
    return len(same) > 1


def _options(pair: _Pair, pairs: list[_Pair]) -> tuple[dict[str, Any], dict[str, Any]]:
    options: dict[str, Any] = {}
    ends = {pair.child.name, pair.parent.name}
    if [{other.child.name, other.parent.name} for other in pairs].count(ends) > 1:
        columns = tuple(pair.child.attributes[column] for column in pair.key.columns)
        options["foreign_keys"] = Fields(pair.child.name, columns)
    # References that share a column write it twice; SQLAlchemy wants to be told that this is meant.
    shared = [
        other
        for other in pairs
        if other is not pair
        and other.child is pair.child
        and not set(other.key.columns).isdisjoint(pair.key.columns)
    ]
    if shared:
        options["overlaps"] = ",".join(f"{other.up},{other.down}" for other in shared)
    up = dict(options)
    if pair.child is pair.parent:
        columns = tuple(pair.parent.attributes[column] for column in pair.key.referenced)
        up["remote_side"] = Fields(pair.parent.name, columns)
    # Only one side of a self-reference may be told the remote columns.
    return up, options

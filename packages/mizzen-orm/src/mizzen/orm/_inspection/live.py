"""Model classes made from a plan, in a set of their own."""

from __future__ import annotations

import enum
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from .._models.known import ModelSet, table_of
from .code import Scope

if TYPE_CHECKING:
    from .._models.model import Model
    from .plan import ModelPlan, Plan

_MODULE = "mizzen.orm.meta.models"


def build(plan: Plan) -> dict[str, type[Model]]:
    """Return the classes by the names of their tables."""
    scope = Scope()
    for made in plan.enums:
        scope.classes[made.name] = enum.StrEnum(made.name, list(made.members), module=_MODULE)
    # In a set of their own they are in nobody's way: not in that of `create_all`, nor of the
    # program's own model of the same table.
    with ModelSet():
        models = {model.table.name: _class(model, scope) for model in plan.models}
        for model in models.values():
            _settle(model, scope)
        for model in models.values():
            cast("Any", model)._sa_registry.configure(cascade=True)
    return models


def _class(plan: ModelPlan, scope: Scope) -> type[Model]:
    from .._models.metaclass import ModelMeta
    from .._models.model import Model

    annotations: dict[str, Any] = {}
    body: dict[str, Any] = {
        "__module__": _MODULE,
        "__qualname__": plan.name,
        "__doc__": f"The table {plan.table.name!r}.",
        "__tablename__": plan.table.name,
        "__annotations__": annotations,
    }
    if plan.arguments:
        body["__table_args__"] = scope.value(plan.arguments)
    for name, annotation, call in plan.fields:
        annotations[name] = scope.value(annotation)
        body[name] = scope.value(call)
    for name, target, call in plan.relations:
        annotations[name] = target
        body[name] = scope.value(call)
    made: Any = ModelMeta(plan.name, (Model,), body)
    scope.classes[plan.name] = made
    return cast("type[Model]", made)


def _settle(model: type[Model], scope: Scope) -> None:
    # By name a relation would be looked for among the models that are known when it is used.
    for name, relation in model.__relations__.items():
        target = scope.classes[str(relation.target)]
        model.__relations__[name] = replace(relation, target=target)
    table_of(model)

"""Tenancy by column: the field that says whose a row is, and the checks on what is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import Select, Table, bindparam
from sqlalchemy.sql.visitors import iterate
from sqlmodel import Field

from .._errors import ConfigurationError, NoTenant, WrongTenant
from .._models.hydration import mapper_of, state_of
from .current import every, required

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy import ColumnElement

    from .._models.model import Model

_MARK = "mizzen_tenant_key"
_UNKNOWN = object()


def TenantKey(**options: Any) -> Any:
    """Return the field whose value says which tenant a row belongs to; filled in by itself.

    `account_id: int = TenantKey(foreign_key="accounts.id")`; options are those of `Field`. Reads
    and writes of the model then need `with tenant(key):`, and stay within its rows.
    """
    given: dict[str, Any] = {"index": True, **options}
    column = dict(given.pop("sa_column_kwargs", None) or {})
    column["info"] = {**column.get("info", {}), _MARK: True}
    return cast("Any", Field)(default_factory=required, sa_column_kwargs=column, **given)


def key_field(model: type[Any]) -> str | None:
    """Return the name of the field that says whose a row of *model* is."""
    mapper = mapper_of(model)  # not asked for its attributes: relations may lack their models yet
    found = [
        mapper.get_property_by_column(column).key
        for column in mapper.local_table.columns
        if column.info.get(_MARK)
    ]
    if len(found) > 1:
        raise ConfigurationError(f"{model.__name__} has two tenant keys: {', '.join(found)}.")
    return found[0] if found else None


def refuse_bare_tables(statement: Any) -> None:
    """Raise where a statement names a tenants' table, and not its model, at any depth."""
    for table in _bare_tables(statement):
        if any(column.info.get(_MARK) for column in table.columns):
            raise NoTenant(
                f"a statement on the table {table.name} can't be kept to one tenant's rows: write "
                "it on the model, or run it in `with all_tenants():`."
            )


def own_rows(model: type[Any], field: str) -> ColumnElement[bool]:
    """Return the condition that keeps to the tenant's rows, whoever that is when it is sent."""
    column = getattr(model, field)
    whose: Any = bindparam(None, callable_=required, type_=column.type)
    kept: ColumnElement[bool] = column == whose
    return kept


def require_own(instance: Model, field: str) -> None:
    """Raise `WrongTenant` when *instance* is, or would become, another tenant's row."""
    if every():
        return
    whose = required()
    held = vars(instance).get(field, _UNKNOWN)
    state: Any = vars(instance).get("_sa_instance_state")
    before = held if state is None else state.committed_state.get(field, held)
    if state_of(instance).key is None:
        before = held  # new: what stood there first was never saved
    for found in (before, held):
        if found is _UNKNOWN:
            _refuse(instance, field, "was not loaded")
        if found != whose:
            _refuse(instance, field, f"is {found!r}, and the tenant is {whose!r}")


def require_own_values(model: type[Any], field: str, rows: Iterable[Any]) -> None:
    """Raise `WrongTenant` unless every one of *rows* (mappings) that names a tenant names ours."""
    if every():
        return
    whose = required()
    column = mapper_of(model).column_attrs[field].columns[0]
    for row in rows:
        for name in (field, column.name, column, getattr(model, field)):
            if name in row and _plain(row[name]) != whose:
                raise WrongTenant(
                    f"{model.__name__}.{field} of another tenant than {whose!r} can't be written: "
                    "leave it out, or use `with all_tenants():`."
                )


def _plain(value: Any) -> Any:
    return getattr(value, "value", _UNKNOWN) if hasattr(value, "__clause_element__") else value


def _bare_tables(statement: Any) -> Iterator[Table]:
    waiting: list[Any] = [statement]
    while waiting:
        part = waiting.pop()
        if isinstance(part, Table):
            yield part
        elif _is_compiled_by_the_orm(part):
            # It adds the conditions there; what it doesn't see is a SELECT of tables inside.
            waiting += [
                inner
                for inner in iterate(part)
                if isinstance(inner, Select) and not _is_compiled_by_the_orm(inner)
            ]
        else:
            waiting += part.get_children()


def _is_compiled_by_the_orm(part: Any) -> bool:
    return bool(part._propagate_attrs.get("compile_state_plugin") == "orm")


def _refuse(instance: Model, field: str, said: str) -> None:
    model = type(instance).__name__
    raise WrongTenant(
        f"this {model} is another tenant's: its {field} {said}. Use `with tenant(key):` with its "
        "tenant, or `with all_tenants():`.",
        model=model,
    )

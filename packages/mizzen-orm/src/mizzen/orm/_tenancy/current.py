"""The tenant of the running context: set by `with tenant(42):`, inherited by tasks begun in it."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from .._errors import ConfigurationError, NoTenant

if TYPE_CHECKING:
    from collections.abc import Generator


class _Every:
    """Stands for all tenants at once."""


_EVERY = _Every()
_current: ContextVar[Any] = ContextVar("mizzen_orm_tenant", default=None)


@contextmanager
def tenant(key: Any) -> Generator[None]:
    """Keep every model with a `TenantKey` to the rows of tenant *key* for the block.

    An inner block takes the place of an outer one.
    """
    if key is None:
        raise ConfigurationError("tenant(None): a tenant has a key; see all_tenants().")
    with _set(key):
        yield


@contextmanager
def all_tenants() -> Generator[None]:
    """Read and write the rows of every tenant for the block; for administration."""
    with _set(_EVERY):
        yield


def every() -> bool:
    """Return whether the rows of all tenants are meant."""
    return _current.get() is _EVERY


def required() -> Any:
    """Return the key of the tenant; raises `NoTenant` when there is none, or no single one."""
    found = _current.get()
    if found is None:
        raise NoTenant(
            "no tenant is set: use `with tenant(key):`, or `with all_tenants():` for "
            "administration."
        )
    if found is _EVERY:
        raise NoTenant("inside all_tenants() no tenant is filled in: give the key yourself.")
    return found


@contextmanager
def _set(value: Any) -> Generator[None]:
    token = _current.set(value)
    try:
        yield
    finally:
        _current.reset(token)

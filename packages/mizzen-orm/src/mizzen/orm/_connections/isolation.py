"""How far a transaction is kept apart from others, and whether it may write.

Both belong to one transaction: what is asked for here is gone before the connection is used again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .._errors import ConfigurationError
from ..abc import Isolating

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

    from .._core import Core
    from ..abc import Driver


class Mode(NamedTuple):
    """What one transaction asked for; `isolation` is None where it takes what the database does."""

    isolation: str | None = None
    readonly: bool = False

    def engine(self, database: Core) -> AsyncEngine:
        """Return the engine to use: on SQLite, reads have connections of their own."""
        return database.reader if self.readonly else database.engine

    async def begin(self, database: Core, session: AsyncSession) -> None:
        """Begin the transaction of *session* now, when there is anything to say about it."""
        if self != AS_IT_IS:
            with database.explained():
                await _isolating(database.driver).begin(session, self.isolation, self.readonly)

    def require_inside(self, outer: Mode) -> None:
        """Raise `ConfigurationError` if a transaction like *outer* can't hold one like this."""
        if self.isolation not in {None, outer.isolation}:
            held = outer.isolation or "the database's own isolation"
            raise ConfigurationError(
                f"a transaction inside another is a savepoint of it and can't be {self.isolation}: "
                f"the outermost one began with {held}; give it `isolation`."
            )
        if self.readonly and not outer.readonly:
            raise ConfigurationError(
                "a transaction inside another is a savepoint of it, and can't be readonly when "
                "the outermost one is not."
            )


AS_IT_IS = Mode()


def mode_for(driver: Driver, isolation: str | None, *, readonly: bool) -> Mode:
    """Return the mode that the words stand for; raises `ConfigurationError` for unknown ones."""
    if isolation is None and not readonly:
        return AS_IT_IS
    levels = _isolating(driver).isolation_levels
    if isolation is None:
        return Mode(None, readonly)
    name = " ".join(isolation.replace("_", " ").replace("-", " ").lower().split())
    if name not in levels:
        known = ", ".join(f'"{level}"' for level in levels)
        hint = (
            "it lets one transaction write at a time, so that all of them are serializable: "
            "leave `isolation` out"
            if len(levels) == 1
            else "write one of these"
        )
        kind = type(driver).__name__
        raise ConfigurationError(f'{kind} knows {known}, not isolation="{isolation}"; {hint}.')
    return Mode(None if len(levels) == 1 else name, readonly)


def _isolating(driver: Driver) -> Isolating:
    if not isinstance(driver, Isolating):
        raise ConfigurationError(
            f"the driver {type(driver).__name__} can't choose how a transaction is isolated: "
            "leave `isolation` and `readonly` out."
        )
    return driver

"""Reaching a server for the first time, so that a failure leaves nothing open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from .._connections.finish import finish

if TYPE_CHECKING:
    from ..abc import Driver


async def reach(driver: Driver) -> None:
    """Ask the server one question; when there is no answer, close *driver* and say why."""
    try:
        async with driver.writer.connect() as connection:
            await connection.execute(text("SELECT 1"))
    except (SQLAlchemyError, OSError) as error:
        await driver.close()
        raise driver.explain(error) from error
    except BaseException:  # cancelled: nobody else will close what is open by now
        await finish(driver.close())
        raise

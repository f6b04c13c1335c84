"""What a visitor is told when the database refuses: it is no error of the program."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NoReturn

import mizzen.auth as auth
import mizzen.orm as orm
from mizzen.web import HTTPError, NotFound

if TYPE_CHECKING:
    from mizzen.web import Web

log = logging.getLogger("mizzen_gists")


def add_answers(web: Web) -> None:
    """Register the answers of this file."""
    web.error(orm.NotFound, orm.ConstraintFailed)(gone)
    web.error(orm.Busy, orm.ReadOnly, orm.Unavailable, auth.StoreError)(unavailable)


def gone() -> NoReturn:
    """Answer for a change to a gist that somebody deleted in the same moment."""
    raise NotFound("This gist was deleted a moment ago.")


def unavailable(exc: Exception) -> NoReturn:
    """Answer while the disk is full, or the database can't be written for another reason."""
    log.warning("a visitor was sent away: %s", exc)
    raise HTTPError(503, "This can't be saved or read just now. Try again in a while.")

"""Who may see and change what; a gist that one may not see does not exist for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from sqlalchemy import or_
from sqlmodel import col

from mizzen.web import NotFound

from .models import Gist, Visibility

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement


class Visitor(Protocol):
    """Whoever asks: a user of the pages, or an identity on the cable."""

    @property
    def id(self) -> str:
        """Who it is."""
        ...


def listed_for(user: Visitor | None) -> ColumnElement[bool]:
    """Return the condition on gists that *user* finds in lists and in search results."""
    public = col(Gist.visibility) == Visibility.PUBLIC
    return or_(public, col(Gist.owner_id) == user.id) if user else public


def may_see(gist: Gist, user: Visitor | None) -> bool:
    """Tell whether *user* may open the gist, having its address."""
    return gist.visibility is not Visibility.PRIVATE or may_edit(gist, user)


def may_edit(gist: Gist, user: Visitor | None) -> bool:
    """Tell whether *user* may change or delete the gist."""
    return user is not None and gist.owner_id == user.id


async def seen(id: str, user: Visitor | None) -> Gist:
    """Return the gist, or raise `NotFound` if there is none that *user* may see."""
    gist = await Gist.find(id)
    if gist is None or not may_see(gist, user):
        raise NotFound("There is no such gist, or it is somebody else's private one.")
    return gist


async def owned(id: str, user: Visitor | None) -> Gist:
    """Return the gist, or raise `NotFound` if *user* may not change it."""
    gist = await seen(id, user)
    if not may_edit(gist, user):
        raise NotFound("Only the owner of a gist can change it.")
    return gist

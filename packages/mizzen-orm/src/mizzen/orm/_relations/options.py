"""`Relationship`: SQLModel's own, and what a relation can say besides.

author: User | None = Relationship(back_populates="posts", counter_cache="posts_count")
groups: list[Group] = Relationship(through="memberships")
commentable: Post | Photo = Relationship(polymorphic=True)
comments: list[Comment] = Relationship(as_="commentable", dependent="destroy")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from sqlmodel.main import RelationshipInfo

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.orm import RelationshipProperty

Dependent = Literal["destroy", "delete", "nullify", "restrict"]
DEPENDENT = ("destroy", "delete", "nullify", "restrict")


class RelationInfo(RelationshipInfo):
    """What `Relationship(...)` was told; SQLModel reads its own part of it."""

    through: str | None = None
    polymorphic: bool | tuple[str, str] = False
    as_: str | None = None
    foreign_key: str | None = None
    counter_cache: str | None = None
    touch: bool | str = False
    dependent: Dependent | None = None


def Relationship(
    *,
    back_populates: str | None = None,
    cascade_delete: bool | None = False,
    passive_deletes: bool | Literal["all"] | None = False,
    link_model: Any | None = None,
    sa_relationship: RelationshipProperty[Any] | None = None,
    sa_relationship_args: Sequence[Any] | None = None,
    sa_relationship_kwargs: Mapping[str, Any] | None = None,
    through: str | None = None,
    foreign_key: str | None = None,
    polymorphic: bool | tuple[str, str] = False,
    as_: str | None = None,
    counter_cache: str | None = None,
    touch: bool | str = False,
    dependent: Dependent | None = None,
) -> Any:
    """Declare a relation to another model; the first seven parameters are SQLModel's.

    `through` names relations that lead there, with dots ("memberships", "memberships.group").
    `foreign_key` names the field that holds the key, when two could (two references to one table,
    or a `link_model` between rows of one table: there the field that refers to this side).
    `polymorphic=True` refers to one of several models, with the columns `<name>_type` and
    `<name>_id`, or those named as a pair; `as_` is its other side, and names it.

    These follow `create`, `save`, `update` and `destroy`, not bulk methods:
    `counter_cache` names the field of the other side that counts these rows; `touch` renews the
    other side's `updated_at` (or the field named) with each write; `dependent` says what becomes of
    these rows when their owner is destroyed: "destroy" them one by one, "delete" them in one
    statement, "nullify" their reference, or "restrict" (raise `Restricted` when there are any).
    """
    info = RelationInfo(
        back_populates=back_populates,
        cascade_delete=cascade_delete,
        passive_deletes=passive_deletes,
        link_model=link_model,
        sa_relationship=sa_relationship,
        sa_relationship_args=sa_relationship_args,
        sa_relationship_kwargs=sa_relationship_kwargs,
    )
    info.through, info.foreign_key = through, foreign_key
    info.polymorphic, info.as_ = polymorphic, as_
    info.counter_cache, info.touch, info.dependent = counter_cache, touch, dependent
    return info

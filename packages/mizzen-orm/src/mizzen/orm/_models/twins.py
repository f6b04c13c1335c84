"""Two objects of one row in what is written together: the one that is written takes both places.

`post.remarks` that was awaited after `Remark.create(post=post)` holds another object for that
remark, and a session takes one object for a row. Of rows that were destroyed it takes none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from .._errors import OrmError
from .dirty import changes_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.orm import InstanceState


def put_in_place(states: Sequence[InstanceState[Any]]) -> bool:
    """Let the first object of each row stand wherever another one does; return whether any did."""
    first: dict[Any, InstanceState[Any]] = {}
    instead: dict[int, Any] = {}
    for state in states:
        if state.was_deleted and state is not states[0]:
            instead[id(state.obj())] = None
        if state.key is None or state.was_deleted:
            continue
        mine = first.setdefault(state.key, state)
        if mine is not state:
            _refuse_changed(state)
            instead[id(state.obj())] = mine.obj()
    for state in states if instead else ():
        for name in state.mapper.relationships.keys() & state.dict.keys():
            state.dict[name] = _replaced(state.dict[name], instead)
            if name in state.committed_state:
                before = state.committed_state[name]
                state.committed_state[name] = _replaced(before, instead)
    return bool(instead)


def _replaced(held: Any, instead: Mapping[int, Any]) -> Any:
    if not isinstance(cast("object", held), list):
        found = instead.get(id(held))
        return held if found is None else found
    rows = held
    present = (instead.get(id(row), row) for row in rows)
    wanted = {id(row): row for row in present if row is not None}
    if len(wanted) != len(rows) or any(id(row) in instead for row in rows):
        # Past the list's own method: to SQLAlchemy this is no change.
        cast("Any", list).__setitem__(rows, slice(None), list(wanted.values()))
    return rows


def _refuse_changed(twin: InstanceState[Any]) -> None:
    if changes_of(cast("Any", twin.obj())):
        name = twin.class_.__name__
        raise OrmError(
            f"two objects of one {name} are saved together, and the other one was changed, too: "
            "save that one by itself, and reload() this one."
        )

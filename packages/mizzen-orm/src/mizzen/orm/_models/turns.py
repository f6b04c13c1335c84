"""Saves of what belongs together, in several tasks at once and outside a transaction, take turns.

`gather(*(Remark.create(post=post) for …))` writes one object graph from many tasks, each with a
session of its own: a session that loses its objects to another one in the middle of a flush either
finds no end or writes half of them. Only who shares an object waits, before anything is sent.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from .._connections import sessions
from .hydration import state_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from .._core import Core
    from .model import Model

# Who has the turn of an object, by event loop and object.
_held: dict[tuple[int, int], asyncio.Future[None]] = {}
_inside: ContextVar[bool] = ContextVar("mizzen_orm_turn", default=False)


@asynccontextmanager
async def turn(instance: Model, database: Core) -> AsyncGenerator[None]:
    """Wait until no other task writes *instance* or what a save of it takes along."""
    frame = sessions.ambient(database)
    # A transaction has a turn of its own, and a callback of a save must not wait for that save.
    if (frame is not None and frame.writes) or _inside.get():
        yield
        return
    loop = asyncio.get_running_loop()
    while others := [_held[one] for one in _graph(instance, loop) if one in _held]:
        await asyncio.wait(others, return_when=asyncio.FIRST_COMPLETED)
    graph, done = _graph(instance, loop), loop.create_future()
    _held.update(dict.fromkeys(graph, done))
    token = _inside.set(True)
    try:
        yield
    finally:
        _inside.reset(token)
        for one in graph:
            del _held[one]
        done.set_result(None)


def _graph(instance: Model, loop: asyncio.AbstractEventLoop) -> set[tuple[int, int]]:
    state = state_of(instance)
    found = {(id(loop), id(instance))}
    if not state.dict.keys().isdisjoint(state.mapper.relationships.keys()):
        related = state.mapper.cascade_iterator("save-update", state)
        found.update((id(loop), id(row[0])) for row in related)
    return found

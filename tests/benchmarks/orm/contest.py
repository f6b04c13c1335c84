"""Measure peers in alternate rounds, so that a drift of the machine hits all of them."""

from __future__ import annotations

import gc
import random
import statistics
import sys
import time
from contextlib import AsyncExitStack, ExitStack
from itertools import count
from typing import TYPE_CHECKING

import rows
from rows import witness

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from operations import Operation
    from peers.peer import Peer
    from rows import Witness

Times = dict[tuple[str, str], float]


async def contest(
    peers: Sequence[Peer],
    operations: Sequence[Operation],
    fresh: Callable[[], AbstractContextManager[str]],
) -> Times:
    """Return microseconds per call by operation and peer: what a quarter of the rounds stay below.

    Every peer gets a database of its own from *fresh*, and all stay open during the rounds.
    """
    async with AsyncExitStack() as closing:
        seats = [Seat(peer) for peer in peers]
        for seat in seats:
            await seat.open(closing, fresh)
        return {
            (operation.name, name): took
            for operation in operations
            for name, took in (await _rounds(seats, operation)).items()
        }


class Seat:
    """A peer, and the witness of its database."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self._witness: Witness

    async def open(
        self, closing: AsyncExitStack, fresh: Callable[[], AbstractContextManager[str]]
    ) -> None:
        """Make the tables and the first rows."""
        url = closing.enter_context(fresh())
        await self.peer.open(url)
        closing.push_async_callback(self.peer.close)
        await self.peer.add_authors(rows.authors())
        await self.peer.bulk(rows.books())
        self._witness = closing.enter_context(witness(url))

    async def time(self, operation: Operation, turns: count[int]) -> float:
        """Return the microseconds of one call, the mean of some; the last result is checked."""
        work = getattr(self.peer, operation.method)
        given = [operation.arguments(next(turns)) for _ in range(operation.calls)]
        result = None
        gc.collect()
        began = time.perf_counter()
        for args in given:
            result = await work(*args)
        took = time.perf_counter() - began
        try:
            operation.check(self.peer, self._witness, given[-1], result)
        except AssertionError as error:
            error.add_note(f"{self.peer.name}, {operation.name}: the result is wrong")
            raise
        return took / operation.calls * 1e6


async def _rounds(seats: Sequence[Seat], operation: Operation) -> dict[str, float]:
    seats = [seat for seat in seats if operation.method in seat.peer.measured]
    began = time.perf_counter()
    turns = {seat.peer.name: count(1) for seat in seats}  # everybody gets the same arguments
    taken: dict[str, list[float]] = {seat.peer.name: [] for seat in seats}
    for seat in seats:  # a warm-up
        await seat.time(operation, turns[seat.peer.name])
    with ExitStack() as thawing:
        gc.collect()
        gc.freeze()  # a collection in the rounds sees what the peer made, not everybody's modules
        thawing.callback(gc.unfreeze)
        for turn in range(operation.rounds):
            # Who follows whom changes: a peer pays for the scheduler's debts of the one before.
            for seat in random.Random(turn).sample(seats, len(seats)):
                took = await seat.time(operation, turns[seat.peer.name])
                taken[seat.peer.name].append(took)
    print(f"# {operation.name}, {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    # Other work on the machine only makes rounds slower, and where threads wake up on a core that
    # is taken, most of them, tenfold: the median told how lucky each peer was.
    return {name: statistics.quantiles(each, n=4)[0] for name, each in taken.items()}

"""Components start in order and stop in reverse; a stop has a deadline, and loses no error."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import anyio

from ._errors import StartFailed, StopFailed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

    from .abc import Component

# What others lean on starts first: the web core answers only when all the rest is there.
ORDER = ("db", "cache", "auth", "queue", "cable", "assets")
LAST = ("web", "worker")

# However late it is, a component gets this long to close: a socket needs a moment, too.
LEAST_SECONDS = 0.3


def in_order(components: dict[str, Component]) -> list[tuple[str, Component]]:
    """Return the components as they start: the known order, then as given, then the web core."""
    places = {name: place for place, name in enumerate(ORDER)}
    places |= {name: len(ORDER) + 1 + place for place, name in enumerate(LAST)}
    return sorted(components.items(), key=lambda item: places.get(item[0], len(ORDER)))


class Preparation:
    """What an app does itself at its start, in a component's shape: it starts before the last."""

    def __init__(self, functions: Mapping[str, Callable[[], Awaitable[object]]]) -> None:
        self._functions = functions

    async def start(self) -> None:
        """Call them, as they were defined."""
        for function in list(self._functions.values()):
            await function()

    async def aclose(self) -> None:
        """Nothing stays open."""

    async def health(self) -> dict[str, object]:
        """Done is done."""
        return {"ok": True, "detail": {}}

    def stats(self) -> dict[str, float]:
        """Nothing is counted."""
        return {}


async def make_folder(folder: Path) -> None:
    """Make the folder that the data will lie in; raises `StartFailed` when it can't be."""
    try:
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    except OSError as error:
        raise StartFailed(
            f"the data folder {folder} can't be made: {error.strerror}; name another with `data`"
        ) from error


async def start_all(
    components: list[tuple[str, Component]],
    *,
    then: Mapping[str, Callable[[], Awaitable[None]]],
    undo_within: float,
) -> None:
    """Start one after another; when one fails, close those before it and say which it was.

    *then* names what has to be done before the next may start: the database is migrated first.
    """
    started: list[tuple[str, Component]] = []
    for name, component in components:
        started.append((name, component))  # one that fails half-way is closed as well
        try:
            await component.start()
            if name in then:
                await then[name]()
        except BaseException as error:
            failures: list[Exception] = []
            with anyio.CancelScope(shield=True):
                failures = await stop_all(started, within=undo_within)
            if not isinstance(error, Exception):
                raise
            failed = StartFailed(f"`{name}` did not start: {error}")
            for failure in failures:
                failed.add_note(f"while closing again: {failure}")
            raise failed from error


async def stop_all(components: list[tuple[str, Component]], *, within: float) -> list[Exception]:
    """Close in reverse, all of them, in about *within* seconds; return what went wrong."""
    failures: list[Exception] = []
    deadline = time.monotonic() + within
    for name, component in reversed(components):
        left = max(LEAST_SECONDS, deadline - time.monotonic())
        limit = anyio.CancelScope(deadline=anyio.current_time() + left)
        try:
            with limit:
                await component.aclose()
        except Exception as error:
            failures.append(error)
        if limit.cancelled_caught:
            failures.append(StopFailed(f"`{name}` was not closed within {left:.1f} s; it was left"))
    return failures


def raise_failures(failures: list[Exception]) -> None:
    """Raise what closing left behind: one error as it is, several as a group."""
    if len(failures) == 1:
        raise failures[0]
    if failures:
        raise ExceptionGroup("several components failed while closing", failures)

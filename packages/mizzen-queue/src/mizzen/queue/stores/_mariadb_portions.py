"""Long lists cut into statements that the server takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

T = TypeVar("T")

_MOST = 2_000_000  # characters of one statement, about; a longer item goes alone


def portions(items: Sequence[T], size: Callable[[T], int]) -> Iterator[Sequence[T]]:
    """*items* in their order, as many at once as are short enough together."""
    begin = length = 0
    for number, item in enumerate(items):
        more = size(item)
        if number > begin and length + more > _MOST:
            yield items[begin:number]
            begin = number
            length = 0
        length += more
    yield items[begin:]

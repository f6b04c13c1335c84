"""What is measured, and how a result is known to be right."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Any

import rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from peers.peer import Peer
    from rows import Witness

BULK = 10_000


@dataclass(frozen=True)
class Operation:
    """A method of `Peer`, and the calls of one round; arguments are made outside the timing."""

    name: str
    method: str
    calls: int
    rounds: int  # many and short: a burst of other work hits few of them
    arguments: Callable[[int], tuple[Any, ...]]
    check: Callable[[Peer, Witness, tuple[Any, ...], Any], None]


def check_get(peer: Peer, _seen: Witness, args: tuple[Any, ...], book: Any) -> None:
    assert holds(peer, book) == {"id": args[0], **rows.book(args[0])}


def check_insert(peer: Peer, seen: Witness, args: tuple[Any, ...], book: Any) -> None:
    held = holds(peer, book)
    assert held == {"id": seen.newest("id", 1)[0], **args[0]}
    assert seen.newest("title", 1) == [args[0]["title"]]


def check_update(peer: Peer, seen: Witness, args: tuple[Any, ...], book: Any) -> None:
    key, pages = args
    assert holds(peer, book) == {"id": key, **rows.book(key), "pages": pages}
    assert seen.pages(key) == pages


def check_list(peer: Peer, _seen: Witness, args: tuple[Any, ...], books: Any) -> None:
    assert len(books) == args[0]
    for n in (1, 2, args[0] - 200):
        assert holds(peer, books[n - 1]) == {"id": n, **rows.book(n)}


def check_eager(peer: Peer, _seen: Witness, _args: tuple[Any, ...], authors: Any) -> None:
    assert len(authors) == rows.AUTHORS
    keys = [[holds(peer, book)["id"] for book in peer.books_of(author)] for author in authors]
    assert [sorted(each) for each in keys] == [
        [n for n in range(1, rows.BOOKS + 1) if rows.author_of(n) == author]
        for author in range(1, rows.AUTHORS + 1)
    ]
    one = holds(peer, peer.books_of(authors[0])[0])
    assert one == {"id": one["id"], **rows.book(one["id"])}


def check_bulk(_peer: Peer, seen: Witness, args: tuple[Any, ...], _result: Any) -> None:
    titles = [each["title"] for each in args[0]]
    assert sorted(seen.newest("title", BULK)) == sorted(titles)


def holds(peer: Peer, book: Any) -> dict[str, Any]:
    """Return a book's values; SQLAlchemy's plain type for times forgets the zone on SQLite."""
    held = peer.plain(book)
    if held["added_at"].tzinfo is None:
        held["added_at"] = held["added_at"].replace(tzinfo=UTC)
    return held


def readable(turn: int) -> int:
    """Return the key of a book that no update has touched: one of the first 800."""
    return turn * 37 % 800 + 1


def changeable(turn: int) -> int:
    """Return the key of a book that updates may touch: one of the last 200."""
    return turn * 37 % 200 + 801


OPERATIONS = (
    Operation("get by key", "get", 25, 61, lambda turn: (readable(turn),), check_get),
    Operation("list 1,000", "list", 1, 19, lambda _: (rows.BOOKS,), check_list),
    Operation("eager 100x10", "eager", 1, 19, lambda _: (), check_eager),
    Operation("insert", "insert", 15, 41, lambda turn: (rows.book(turn),), check_insert),
    Operation(
        "update", "update", 15, 41, lambda turn: (changeable(turn), 10_000 + turn), check_update
    ),
    Operation(
        "bulk insert 10k",
        "bulk",
        1,
        3,
        lambda turn: ([rows.book(turn * BULK + n) for n in range(BULK)],),
        check_bulk,
    ),
    Operation(
        "copy 10k",
        "copy",
        1,
        5,
        lambda turn: ([rows.book((turn + 100) * BULK + n) for n in range(BULK)],),
        check_bulk,
    ),
)

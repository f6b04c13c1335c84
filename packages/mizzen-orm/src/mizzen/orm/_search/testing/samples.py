"""What the contract searches: notes, shelves that hold them, and leaves."""

from __future__ import annotations

from datetime import UTC, date, datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from sqlmodel import Field, Relationship

from ..._database import Database
from ..._models.known import ModelSet
from ..._models.model import Model
from ..index import SearchIndex

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

OURS = ModelSet()


class Kind(Enum):
    """What a note is."""

    SNIPPET = "code"
    PROSE = "text"


with OURS:

    class Shelf(Model):
        """What notes stand on, and go with."""

        id: int | None = Field(default=None, primary_key=True)
        notes: list[Note] = Relationship(back_populates="shelf")

    class Note(Model):
        """A text key, two weighted fields, and filters of every type."""

        id: str = Field(primary_key=True, max_length=40)
        title: str = ""
        body: str | None = Field(default=None, max_length=400_000)
        lang: str | None = None
        stars: int = 0
        price: float = 0.0
        public: bool = True
        kind: Kind = Kind.PROSE
        written: date = date(2026, 1, 1)
        seen_at: datetime = datetime(2026, 1, 1, tzinfo=UTC)
        slug: str | None = Field(default=None, unique=True)
        shelf_id: int | None = Field(default=None, foreign_key="shelfs.id", ondelete="CASCADE")
        shelf: Shelf | None = Relationship(back_populates="notes")
        search: ClassVar[SearchIndex] = SearchIndex(
            "title",
            "body",
            weights={"title": 4},
            filters={
                **{name: name for name in ("lang", "stars", "price", "public", "kind", "written")},
                "seen": "seen_at",
            },
        )

    class Leaf(Model):
        """A number for a key, and names that databases reserve."""

        id: int | None = Field(default=None, primary_key=True)
        rank: str = ""
        order: str = ""
        search: ClassVar[SearchIndex] = SearchIndex("rank", "order", language="english")


class Searched:
    """A database with the contract's tables; subclasses add what is promised."""

    @pytest.fixture
    async def db(self, url: str, anyio_backend: object) -> AsyncGenerator[Database]:
        """Return the started database with the contract's tables."""
        with OURS:
            async with Database(url) as database:
                await database.create_all()
                yield database

    async def write_notes(self) -> None:
        """Write the four notes that most promises are about."""
        for row in NOTES:
            await Note.create(**row)

    async def keys(self, text: str) -> str:
        """Return the keys of the notes that are found, in one text."""
        return "".join(sorted([note.id for note in await Note.matching(text)]))


NOTES: tuple[dict[str, Any], ...] = (
    {
        "id": "a",
        "title": "Event loops",
        "body": "hello: create_task in os.path, event loop",
        "lang": "Python",
        "kind": Kind.SNIPPET,
    },
    {
        "id": "b",
        "title": "Threads",
        "body": "a loop of things",
        "lang": "Objective C",
        "stars": 5,
        "written": date(2026, 2, 1),
        "seen_at": datetime(2026, 2, 1, 23, 59, 59, tzinfo=UTC),
    },
    {
        "id": "c",
        "title": "Loopholes",
        "body": "A",
        "lang": "go",
        "stars": 9,
        "written": date(2026, 2, 28),
        "seen_at": datetime(2026, 2, 28, tzinfo=UTC),
    },
    {
        "id": "d",
        "title": "Привет, café",
        "body": "To be, or not to be; x² 7",
        "stars": 100,
        "price": 2.5,
        "public": False,
        "written": date(2026, 12, 31),
        "seen_at": datetime(2026, 12, 31, tzinfo=UTC),
    },
)

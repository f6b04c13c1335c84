"""SQLAlchemy Core: statements and rows, no objects."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    Boolean,
    Column,
    DateTime,
    Float,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    insert,
    select,
    update,
)
from sqlalchemy.ext.asyncio import create_async_engine

from .alchemy import JSON_TYPE, address, settle
from .peer import Peer, Values

if TYPE_CHECKING:
    from collections.abc import Sequence

metadata = MetaData()
author = Table(
    "author",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String, nullable=False),
    Column("email", String, nullable=False),
)
book = Table(
    "book",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("title", String, nullable=False),
    Column("language", String, nullable=False),
    Column("pages", Integer, nullable=False),
    Column("price", Float, nullable=False),
    Column("in_print", Boolean, nullable=False),
    Column("added_at", DateTime(timezone=True), nullable=False),
    Column("extras", JSON_TYPE, nullable=False),
    Column("author_id", ForeignKey("author.id"), index=True),
)


class Core(Peer):
    """One connection from the pool for each call."""

    name = "SQLAlchemy Core"

    async def open(self, url: str) -> None:
        self.engine = settle(create_async_engine(address(url)))
        async with self.engine.begin() as connection:
            await connection.run_sync(metadata.create_all)

    async def close(self) -> None:
        await self.engine.dispose()

    async def add_authors(self, values: Sequence[Values]) -> None:
        async with self.engine.begin() as connection:
            await connection.execute(insert(author), list(values))

    async def get(self, key: int) -> Any:
        async with self.engine.connect() as connection:
            return (await connection.execute(select(book).where(book.c.id == key))).one()

    async def insert(self, values: Values) -> Any:
        async with self.engine.begin() as connection:
            statement = insert(book).values(values).returning(*book.c)
            return (await connection.execute(statement)).one()

    async def update(self, key: int, pages: int) -> Any:
        async with self.engine.begin() as connection:
            row = (await connection.execute(select(book).where(book.c.id == key))).one()
            changed = update(book).where(book.c.id == key).values(pages=pages)
            await connection.execute(changed)
            return SimpleNamespace(**{**row._mapping, "pages": pages})

    async def list(self, limit: int) -> Sequence[Any]:
        async with self.engine.connect() as connection:
            return (await connection.execute(select(book).order_by(book.c.id).limit(limit))).all()

    async def eager(self) -> Sequence[Any]:
        async with self.engine.connect() as connection:
            authors = (await connection.execute(select(author).order_by(author.c.id))).all()
            among = book.c.author_id.in_([each.id for each in authors])
            books = (await connection.execute(select(book).where(among).order_by(book.c.id))).all()
        found: dict[int, list[Any]] = {each.id: [] for each in authors}
        for each in books:
            found[each.author_id].append(each)
        return [(each, found[each.id]) for each in authors]

    async def bulk(self, values: Sequence[Values]) -> None:
        async with self.engine.begin() as connection:
            await connection.execute(insert(book), list(values))

    def books_of(self, author: Any) -> Sequence[Any]:
        return author[1]

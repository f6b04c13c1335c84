"""SQLModel with its AsyncSession, as its documentation shows: add, commit, refresh."""

# No `from __future__ import annotations`: SQLModel's relations don't work with it.

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import DateTime
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import selectinload
from sqlmodel import Field, Relationship, SQLModel, select
from sqlmodel.ext.asyncio.session import AsyncSession

from .alchemy import JSON_TYPE, address, settle
from .peer import Peer, Values


class Author(SQLModel, table=True):
    """A parent."""

    id: int | None = Field(default=None, primary_key=True)
    name: str
    email: str
    books: list["Book"] = Relationship(back_populates="author")


class Book(SQLModel, table=True):
    """A child, and the row of most figures."""

    id: int | None = Field(default=None, primary_key=True)
    title: str
    language: str
    pages: int
    price: float
    in_print: bool
    added_at: datetime = Field(sa_type=DateTime(timezone=True))
    extras: dict[str, Any] = Field(sa_type=JSON_TYPE)
    author_id: int | None = Field(default=None, foreign_key="author.id", index=True)
    author: Author | None = Relationship(back_populates="books")


class SQLModelAsync(Peer):
    """A session for each call, as a request has one."""

    name = "SQLModel async"
    driver = "psycopg"

    async def open(self, url: str) -> None:
        self.engine = settle(create_async_engine(address(url, self.driver)))
        async with self.engine.begin() as connection:
            await connection.run_sync(SQLModel.metadata.create_all)

    async def close(self) -> None:
        await self.engine.dispose()

    async def add_authors(self, values: Sequence[Values]) -> None:
        async with AsyncSession(self.engine) as session:
            session.add_all([Author(**each) for each in values])
            await session.commit()

    async def get(self, key: int) -> Book | None:
        async with AsyncSession(self.engine) as session:
            return await session.get(Book, key)

    async def insert(self, values: Values) -> Book:
        async with AsyncSession(self.engine) as session:
            book = Book(**values)
            session.add(book)
            await session.commit()
            await session.refresh(book)
            return book

    async def update(self, key: int, pages: int) -> Book:
        async with AsyncSession(self.engine) as session:
            book = await session.get_one(Book, key)
            book.pages = pages
            session.add(book)
            await session.commit()
            await session.refresh(book)
            return book

    async def list(self, limit: int) -> Sequence[Book]:
        async with AsyncSession(self.engine) as session:
            return (await session.exec(select(Book).order_by(Book.id).limit(limit))).all()

    async def eager(self) -> Sequence[Author]:
        async with AsyncSession(self.engine) as session:
            statement = select(Author).order_by(Author.id).options(selectinload(Author.books))
            return (await session.exec(statement)).all()

    async def bulk(self, values: Sequence[Values]) -> None:
        async with AsyncSession(self.engine) as session:
            session.add_all([Book(**each) for each in values])
            await session.commit()


class SQLModelLean(SQLModelAsync):
    """The least that it can do for a write: nothing expires, nothing is read again."""

    name = "SQLModel async, no refresh"
    measured = ("insert", "update")

    async def insert(self, values: Values) -> Book:
        async with AsyncSession(self.engine, expire_on_commit=False) as session:
            book = Book(**values)
            session.add(book)
            await session.commit()
            return book

    async def update(self, key: int, pages: int) -> Book:
        async with AsyncSession(self.engine, expire_on_commit=False) as session:
            book = await session.get_one(Book, key)
            book.pages = pages
            await session.commit()
            return book


class SQLModelAsyncpg(SQLModelAsync):
    """The same on PostgreSQL's other driver."""

    name = "SQLModel async, asyncpg"
    driver = "asyncpg"

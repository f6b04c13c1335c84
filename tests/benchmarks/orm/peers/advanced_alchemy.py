"""Advanced Alchemy: its repository, with its defaults."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003  (read at run time)
from typing import TYPE_CHECKING, Any

from advanced_alchemy.base import AdvancedDeclarativeBase, CommonTableAttributes
from advanced_alchemy.config import AsyncSessionConfig, SQLAlchemyAsyncConfig
from advanced_alchemy.filters import LimitOffset, OrderBy
from advanced_alchemy.repository import SQLAlchemyAsyncRepository
from advanced_alchemy.types import DateTimeUTC
from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .alchemy import JSON_TYPE, address, settle
from .peer import Peer, Values

if TYPE_CHECKING:
    from collections.abc import Sequence


class Author(CommonTableAttributes, AdvancedDeclarativeBase):
    """A parent."""

    __tablename__ = "author"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    email: Mapped[str]
    books: Mapped[list[Book]] = relationship(back_populates="author")


class Book(CommonTableAttributes, AdvancedDeclarativeBase):
    """A child, and the row of most figures."""

    __tablename__ = "book"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    language: Mapped[str]
    pages: Mapped[int]
    price: Mapped[float]
    in_print: Mapped[bool]
    added_at: Mapped[datetime] = mapped_column(DateTimeUTC(timezone=True))
    extras: Mapped[dict[str, Any]] = mapped_column(JSON_TYPE)
    author_id: Mapped[int | None] = mapped_column(ForeignKey("author.id"), index=True)
    author: Mapped[Author | None] = relationship(back_populates="books")


class Authors(SQLAlchemyAsyncRepository[Author]):
    """The repository of authors."""

    model_type = Author


class Books(SQLAlchemyAsyncRepository[Book]):
    """The repository of books."""

    model_type = Book


class AdvancedAlchemy(Peer):
    """A session and a repository for each call."""

    name = "Advanced Alchemy"

    async def open(self, url: str) -> None:
        self.config = SQLAlchemyAsyncConfig(
            connection_string=address(url),
            session_config=AsyncSessionConfig(expire_on_commit=False),
        )
        self.engine = settle(self.config.get_engine())
        async with self.engine.begin() as connection:
            await connection.run_sync(Author.metadata.create_all)

    async def close(self) -> None:
        await self.engine.dispose()

    async def add_authors(self, values: Sequence[Values]) -> None:
        async with self.config.get_session() as session:
            made = [Author(**each) for each in values]
            await Authors(session=session).add_many(made, auto_commit=True)

    async def get(self, key: int) -> Book:
        async with self.config.get_session() as session:
            return await Books(session=session).get(key)

    async def insert(self, values: Values) -> Book:
        async with self.config.get_session() as session:
            return await Books(session=session).add(Book(**values), auto_commit=True)

    async def update(self, key: int, pages: int) -> Book:
        async with self.config.get_session() as session:
            books = Books(session=session)
            book = await books.get(key)
            book.pages = pages
            return await books.update(book, auto_commit=True)

    async def list(self, limit: int) -> Sequence[Book]:
        async with self.config.get_session() as session:
            return await Books(session=session).list(LimitOffset(limit, 0), OrderBy("id", "asc"))

    async def eager(self) -> Sequence[Author]:
        async with self.config.get_session() as session:
            authors = Authors(session=session)
            return await authors.list(OrderBy("id", "asc"), load=[Author.books])

    async def bulk(self, values: Sequence[Values]) -> None:
        async with self.config.get_session() as session:
            made = [Book(**each) for each in values]
            await Books(session=session).add_many(made, auto_commit=True)

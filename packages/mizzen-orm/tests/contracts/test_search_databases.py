"""Search keeps the same promises on every kind of database."""

from __future__ import annotations

from typing import ClassVar

import pytest

from mizzen.orm.testing import SearchContract


class TestSQLite(SearchContract):
    damage: ClassVar[tuple[str, ...]] = (
        "DELETE FROM notes_search_key WHERE key = 'a'",
        "DROP TRIGGER notes_search_update",
        "UPDATE notes SET body = 'a loop of things behind the back' WHERE id = 'b'",
    )
    replace: ClassVar[tuple[str, ...]] = (
        "UPDATE OR REPLACE notes SET title = 'second', slug = 'taken' WHERE id = 'b'",
        "INSERT OR REPLACE INTO notes (id, title, slug, stars, price, public, kind, written, "
        "seen_at) SELECT id, title, slug, stars, price, public, kind, written, seen_at FROM notes",
    )
    # SQLite checks the key of each row as it goes.
    shift: ClassVar[str] = "UPDATE leafs SET id = id + 10"

    @pytest.fixture
    def url(self) -> str:
        return "memory:"


@pytest.mark.extra("psycopg")
class TestPostgreSQL(SearchContract):
    damage: ClassVar[tuple[str, ...]] = (
        "DELETE FROM notes_search WHERE key = 'a'",
        "UPDATE notes_search SET document = '' WHERE key = 'b'",
    )

    @pytest.fixture
    def url(self, postgres_url: str) -> str:
        return postgres_url


@pytest.mark.extra("asyncmy")
class TestMariaDB(SearchContract):
    damage: ClassVar[tuple[str, ...]] = (
        "DELETE FROM notes_search WHERE `key` = 'a'",
        "UPDATE notes_search SET field0 = '' WHERE `key` = 'b'",
    )
    replace: ClassVar[tuple[str, ...]] = (
        "REPLACE INTO notes (id, title, slug, stars, price, public, kind, written, seen_at) "
        "SELECT 'b', 'second', 'taken', stars, price, public, kind, written, seen_at "
        "FROM notes WHERE id = 'a'",
    )
    upsert: ClassVar[str] = (
        "INSERT INTO leafs (id, `rank`, `order`) VALUES (1, 'new', '') "
        "ON DUPLICATE KEY UPDATE `rank` = 'new'"
    )
    english: ClassVar[tuple[str, ...]] = ("running", "shoes", '"be or not"', "rank:running")

    @pytest.fixture
    def url(self, mariadb_url: str) -> str:
        return mariadb_url

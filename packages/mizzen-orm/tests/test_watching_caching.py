"""The query cache, with a cache of one's own: what it is asked and what it is told."""

from __future__ import annotations

import base64
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import pytest

from mizzen.orm import Database, Encrypted, Model, encryption_keys
from mizzen.orm._connections.direct import Answer
from mizzen.orm._watching import answers
from mizzen.orm._watching.caching import changed
from mizzen.orm.testing import assert_queries, scratch_models

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable

pytestmark = pytest.mark.extra("cryptography")

with scratch_models() as MODELS:

    class Vault(Model):
        name: str
        number: Annotated[str, Encrypted(deterministic=True)] = ""


class Shelf:
    """The least that a query cache is."""

    def __init__(self) -> None:
        self.held: dict[str, tuple[str, set[str]]] = {}
        self.told: list[tuple[str, ...]] = []

    async def fetch(
        self,
        key: str,
        load: Callable[[], Awaitable[str]],
        *,
        ttl: float | None = None,
        tags: Iterable[str] = (),
    ) -> Any:
        if key not in self.held:
            self.held[key] = (await load(), set(tags))
        return self.held[key][0]

    async def invalidate_tags(self, *tags: str) -> None:
        self.told.append(tags)
        self.held = {key: one for key, one in self.held.items() if not one[1] & set(tags)}


@pytest.fixture(params=["memory", "inline", "postgresql"])
async def db(request: pytest.FixtureRequest, anyio_backend: object) -> AsyncGenerator[Database]:
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else "memory:"
    encryption_keys(base64.b64encode(bytes(32)).decode())
    shelf, inline = Shelf(), request.param == "inline"
    with MODELS:
        async with Database(url, query_cache=shelf, inline_reads=inline) as database:
            await database.create_all()
            yield database
    encryption_keys()


async def test_encrypted_values_stay_so_in_the_cache(db: Database) -> None:
    await Vault.create(name="a", number="g3heim")
    found = [await Vault.where(number="g3heim").cached("1m").one() for _ in range(2)]
    assert [one.number for one in found] == ["g3heim", "g3heim"]
    shelf: Any = db.query_cache
    assert shelf.held
    assert "g3heim" not in repr(shelf.held)


async def test_only_writes_that_are_committed_are_told(db: Database) -> None:
    shelf: Any = db.query_cache
    shelf.told.clear()
    await Vault.all()
    with pytest.raises(KeyError):
        async with db.transaction():
            await Vault.create(name="never")
            raise KeyError
    assert shelf.told == []
    async with db.transaction():
        await Vault.create(name="a")
        async with db.transaction():
            await Vault.where(name="a").update_all(name="b")
        assert shelf.told == []
    ((tag,),) = shelf.told
    assert tag.endswith(":vaults")
    await Vault.create(name="c")
    assert len(shelf.told) == 2


async def test_rows_that_were_copied_in_are_seen(db: Database) -> None:
    assert await Vault.where().cached() == []
    await Vault.copy_all([{"name": "a"}, {"name": "b"}])
    assert len(await Vault.where().cached()) == 2


async def test_strict_rows_and_first_and_get_are_cached(db: Database) -> None:
    made = await Vault.create(name="a", number="1")
    query = Vault.where().cached()
    for expected in (1, 0):
        with assert_queries(expected, db):
            assert (await query.get(made.id)).name == "a"
        with assert_queries(expected, db):
            assert await query.order("-id").first() == made
    assert len(await Vault.where().cached().strict_loading()) == 1


def test_values_keep_their_types() -> None:
    row = (
        *("text", 1, 2.5, True, None, b"\x00\xff", float("inf")),
        *(datetime(2024, 1, 2, 3, 4, 5, 6, tzinfo=UTC), datetime(2024, 1, 2), date(2024, 2, 29)),
        *(time(1, 2, 3, 4), timedelta(-1, 2, 3), Decimal("1.50"), UUID(int=7)),
        *({"a": [1, {"b": None}]}, [1, "x"]),
    )
    answer = answers.unpack(answers.pack(Answer([row, row], [("a", 23), ("b", None)], 2)))
    assert answer.rows == [row, row]
    assert [type(value) for value in answer.rows[0]] == [type(value) for value in row]
    assert [code[1] for code in answer.codes] == [23, None]


def test_what_has_no_text_is_not_kept() -> None:
    for value in (object(), {"a": object()}, {1}):
        with pytest.raises(answers.Unkeepable):
            answers.pack(Answer([(value,)], [], 1))


def test_the_same_values_are_the_same_text_and_others_another() -> None:
    assert answers.written({"a": 1, "b": 2}) == answers.written({"b": 2, "a": 1})
    different = [(1,), ("1",), (True,), (1.0,), (None,), ((b"1"),), (Decimal(1),), (1, 1), ()]
    assert len({answers.written(values) for values in different}) == len(different)


@pytest.mark.parametrize(
    ("sql", "tables"),
    [
        ("SELECT 'UPDATE x SET'", set[str]()),
        ("UPDATE Vaults SET a = 1", {"vaults"}),
        ("WITH a AS (SELECT 1) DELETE FROM vaults", {"vaults"}),
        ("SAVEPOINT a", set[str]()),
    ],
)
def test_the_tables_of_a_write(sql: str, tables: set[str]) -> None:
    assert changed(sql) == tables

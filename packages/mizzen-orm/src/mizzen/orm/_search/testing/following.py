"""The index follows its table, whatever changes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pytest
from sqlalchemy import text as sql

from ..backend import SearchCheck
from .samples import Leaf, Note, Searched, Shelf

if TYPE_CHECKING:
    from ..._database import Database


class Following(Searched):
    """Changes by models, in bulk, by cascades and by raw SQL; checks and repairs.

    Databases differ in the SQL for `shift` (all keys of leafs by 10), `upsert` (the leaf 1),
    `replace` (the note "b" takes the slug of "a", which goes) and `damage` (to the index of notes:
    "a" is missing in it, "b" is wrong).
    """

    shift: ClassVar[str] = "UPDATE leafs SET id = id + 10"
    upsert: ClassVar[str] = (
        """INSERT INTO leafs (id, rank, "order") VALUES (1, 'new', '') """
        "ON CONFLICT (id) DO UPDATE SET rank = excluded.rank"
    )
    replace: ClassVar[tuple[str, ...]] = (
        "DELETE FROM notes WHERE slug = 'taken'",
        "UPDATE notes SET title = 'second', slug = 'taken' WHERE id = 'b'",
    )
    damage: ClassVar[tuple[str, ...]] = ()

    async def test_the_index_follows_every_change(self, db: Database) -> None:
        note = await Note.create(id="a", title="hello world")
        await note.update(title="goodbye world")
        assert await self.keys("hello") == ""
        assert await self.keys("goodbye") == "a"
        await note.update(stars=9)
        assert await self.keys("goodbye") == "a"
        await Note.all().update_all(id="z")
        assert await self.keys("goodbye") == "z"
        await Note.all().update_all(title="x", body="world")
        assert await self.keys("body:world -goodbye") == "z"
        await Note.all().delete_all()
        assert await self.keys("world") == ""
        assert (await Note.search.check()) == SearchCheck()

    async def test_the_index_follows_cascades_and_raw_sql(self, db: Database) -> None:
        await Shelf.create(id=1)
        await Note.create(id="a", title="hello", shelf_id=1)
        await Note.create(id="b", title="hello")
        async with db.transaction() as session:
            await session.execute(sql("UPDATE notes SET title = 'raw words' WHERE id = 'b'"))
        assert await self.keys("raw") == "b"
        await (await Shelf.get(1)).destroy()
        assert await self.keys("hello") == ""
        assert (await Note.search.check()).ok

    async def test_the_index_follows_keys_that_move_along(self, db: Database) -> None:
        await Leaf.insert_all([{"id": n, "rank": f"number{n}"} for n in (1, 2, 3)])
        async with db.transaction() as session:
            await session.execute(sql(self.shift))
        found = {n: (await Leaf.matching(f"number{n}").one()).id for n in (1, 2, 3)}
        assert found == {1: 11, 2: 12, 3: 13}
        assert (await Leaf.search.check()).ok

    async def test_what_is_rolled_back_is_not_found(self, db: Database) -> None:
        await Note.create(id="a", title="before")

        async def fail() -> None:
            async with db.transaction():
                await Note.all().update_all(title="after")
                await Note.create(id="b", title="after")
                raise KeyError

        with pytest.raises(KeyError):
            await fail()
        assert await self.keys("after") + await self.keys("before") == "a"

    async def test_check_finds_what_rebuild_mends(self, db: Database) -> None:
        await self.write_notes()
        assert await Note.search.check() == SearchCheck()
        async with db.transaction() as session:
            for statement in self.damage:
                await session.execute(sql(statement))
        damaged = await Note.search.check()
        assert (damaged.missing, damaged.stale, damaged.ok) == (1, 1, False)
        await Note.search.rebuild()
        assert await Note.search.check() == SearchCheck()
        assert await self.keys("loop") == "ab"
        await Note.search.optimize()
        await Note.create(id="e", title="loop")
        assert await self.keys("loop") == "abe"

    async def test_long_texts_are_found_to_their_end(self, db: Database) -> None:
        await Note.create(id="a", title="t", body="wörter, " * 12_000 + "theend")
        await Note.create(id="b", title="x", body="a" * 5000 + " tail")
        assert await self.keys("theend") == "a"
        assert await self.keys("tail") == "b"
        assert (await Note.search.check()).ok

    async def test_a_thousand_rows_at_once_are_found(self, db: Database) -> None:
        await Note.insert_all({"id": f"{n:04}", "title": f"row number{n}"} for n in range(1000))
        assert await Note.matching("row").count() == 1000
        assert (await Note.matching("number777").one()).id == "0777"
        assert (await Note.search.check()).ok

    async def test_an_upsert_is_followed(self, db: Database) -> None:
        await Leaf.create(id=1, rank="old")
        async with db.transaction() as session:
            await session.execute(sql(self.upsert))
        assert await Leaf.matching("old").count() == 0
        assert (await Leaf.matching("new").one()).id == 1
        assert (await Leaf.search.check()) == SearchCheck()

    async def test_rows_that_are_replaced_are_not_found(self, db: Database) -> None:
        await Note.create(id="a", title="first", slug="taken")
        await Note.create(id="b", title="other")
        async with db.transaction() as session:
            for statement in self.replace:
                await session.execute(sql(statement))
        assert await self.keys("first OR other") == ""
        assert await self.keys("second") == "b"
        assert await self.keys("-nothing") == "b"
        await Note.create(id="a", title="first again")
        assert await self.keys("first") == "a"
        assert (await Note.search.check()).ok
        await Note.search.rebuild()
        assert await Note.search.check() == SearchCheck()

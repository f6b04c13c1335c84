"""A search is a part of a query like any other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func

from .samples import Kind, Note, Searched, Shelf

if TYPE_CHECKING:
    from ..._database import Database


class Composing(Searched):
    """Searches with conditions, orders, limits, relations and bulk changes."""

    async def test_a_search_combines_with_the_rest_of_a_query(self, db: Database) -> None:
        await self.write_notes()
        query = Note.matching("loop*").where(stars__gte=5)
        assert await query.count() == 2
        assert await query.exists()
        assert await query.order("-id").pluck("id") == ["c", "b"]
        assert await query.limit(1).offset(1).order("id").pluck("id") == ["c"]
        assert await Note.matching("loop").update_all(stars=70) == 2
        assert await Note.matching("loop* stars:70").delete_all() == 2
        assert await self.keys("loop*") == "c"

    async def test_a_search_leads_through_relations(self, db: Database) -> None:
        await Shelf.insert_all([{"id": 1}, {"id": 2}])
        await self.write_notes()
        await Note.where(id__in=["a", "b"]).update_all(shelf_id=2)
        found = await Note.matching("loop").order("id").include("shelf")
        assert [(note.id, note.shelf and note.shelf.id) for note in found] == [("a", 2), ("b", 2)]
        assert await Note.matching("loop*").where(shelf__id=2).count() == 2
        query = Note.matching("loop*").join("shelf").distinct()
        assert sorted([note.id for note in await query]) == ["a", "b"]
        assert await query.count() == 2
        assert {hit.row.id for hit in await query.hits()} == {"a", "b"}
        assert len(await Note.matching("loop*").distinct().pluck("shelf_id")) == 2
        assert len(await Note.matching("loop*").distinct().offset(1).limit(5).pluck("id")) == 2

    async def test_a_search_is_a_condition_of_another_query(self, db: Database) -> None:
        await self.write_notes()
        rows = Note.matching("loop*")
        assert await Note.where(id__in=rows).order("id").pluck("id") == ["a", "b", "c"]
        assert await Note.where(id__not_in=rows).pluck("id") == ["d"]
        assert await rows.where(id__in=Note.matching("threads")).pluck("id") == ["b"]
        assert await rows.matching("threads OR hello").matching("task").pluck("id") == ["a"]
        assert await rows.matching("threads").update_all(stars=6) == 1
        assert await rows.matching("-loop").count() == 1

    async def test_a_search_is_counted_and_grouped(self, db: Database) -> None:
        await self.write_notes()
        query = Note.matching("loop* stars:>0")
        assert await query.sum("stars") == 14
        grouped = query.group("kind").annotate(most=func.max(Note.stars))
        assert [tuple(row) for row in await grouped] == [(Kind.PROSE, 9)]

    async def test_a_search_comes_in_pages(self, db: Database) -> None:
        await Note.insert_all(
            {"id": f"{n:02}", "title": "word " * (1 + n % 3), "stars": n} for n in range(25)
        )
        for text in ("word", "stars:>=0"):
            query = Note.matching(text)
            pages = [await query.page(number, 10) for number in (1, 2, 3)]
            assert [page.total for page in pages] == [25, 25, 25]
            keys = [note.id for page in pages for note in page]
            assert keys == [note.id for note in await query]
            assert len(set(keys)) == 25
            hits = [hit.row.id for n in range(3) for hit in await query.offset(10 * n).hits(10)]
            assert hits == keys
        last = await Note.matching("word").order("-stars").after(size=20)
        rest = await Note.matching("word").order("-stars").after(last.next, size=20)
        assert [note.stars for note in (*last, *rest)] == list(range(24, -1, -1))

    async def test_a_search_sees_other_rows_in_a_transaction(self, db: Database) -> None:
        await self.write_notes()
        async with db.transaction():
            found = await Note.matching("loop").order("id").with_lock()
            await found[0].update(title="nothing here", body="neither")
            async with db.transaction():
                assert await Note.matching("loop*").where_not(id="a").delete_all() == 2
        assert await self.keys("loop*") == ""
        assert await self.keys("neither") == "a"

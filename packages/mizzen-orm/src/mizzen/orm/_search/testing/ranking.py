"""The best comes first, and is shown with marks."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from .samples import Leaf, Note, Searched

if TYPE_CHECKING:
    from ..._database import Database


class Ranking(Searched):
    """Ranks, marks, snippets and stems."""

    english: ClassVar[tuple[str, ...]] = ("runs", "shoe", '"be or not"', "rank:run", "runs*")

    async def test_a_title_weighs_more_than_a_body(self, db: Database) -> None:
        await Note.create(id="a", title="something else", body="one gist")
        await Note.create(id="b", title="one gist", body="something else")
        await Note.create(id="c", title="neither", body="nor")
        assert [note.id for note in await Note.matching("gist")] == ["b", "a"]
        ranks = [hit.rank for hit in await Note.matching("gist").hits()]
        assert ranks[0] > ranks[1] > 0

    async def test_hits_mark_what_was_found_and_escape_the_rest(self, db: Database) -> None:
        body = '<script>alert("create_task")</script> & the Café: cafes, caf'
        await Note.create(id="a", title="create task & <b>", body=body)
        (hit,) = await Note.matching('create_task caf* -"no such"').hits(highlight=("<i>", "</i>"))
        assert hit.row.id == "a"
        assert dict(hit.highlights) == {
            "title": "<i>create task</i> &amp; &lt;b&gt;",
            "body": "&lt;script&gt;alert(&quot;<i>create_task</i>&quot;)&lt;/script&gt; &amp; "
            "the <i>Café</i>: <i>cafes</i>, <i>caf</i>",
        }
        (hit,) = await Note.matching("title:create").hits(html=False, highlight=("[", "]"))
        assert hit.highlights["title"] == "[create] task & <b>"
        assert "[" not in hit.highlights["body"]

    async def test_a_snippet_shows_the_best_part(self, db: Database) -> None:
        await Note.create(
            id="a", title="t", body="word " * 400 + "the event loop <runs> " + "end " * 9
        )
        (hit,) = await Note.matching("loop runs").hits(snippet={"body": 6})
        snippet = hit.highlights["body"]
        assert snippet.startswith("…")
        assert snippet.endswith("…")
        assert "<mark>loop</mark> &lt;<mark>runs</mark>&gt;" in snippet
        assert len(snippet) < 90

    async def test_hits_without_words_have_no_rank(self, db: Database) -> None:
        await self.write_notes()
        hits = await Note.matching("lang:python").hits(limit=3)
        assert [(hit.row.id, hit.rank) for hit in hits] == [("a", 0.0)]

    async def test_words_are_found_by_their_stem(self, db: Database) -> None:
        await Leaf.insert_all([{"rank": "Running shoes", "order": "to be or not"}])
        for text in self.english:
            assert await Leaf.matching(text).count() == 1, text
        assert await Leaf.matching("sho").count() == 0
        (hit,) = await Leaf.matching(self.english[0]).hits()
        assert "<mark>Running</mark> shoes" in hit.highlights.values()

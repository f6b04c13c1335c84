"""What a search means: every text is understood, in the same way everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .samples import Note, Searched

if TYPE_CHECKING:
    from ..._database import Database

# What is typed, and the notes that it finds.
_WORDS = {
    "loop": "ab",
    "LOOP": "ab",
    "event loop": "a",
    '"event loop"': "a",
    '"loop event"': "",
    '"loops hello"': "",  # from the end of one field to the beginning of the next
    "create_task": "a",
    "task": "a",
    "os.path": "a",
    "path": "a",
    "loop*": "abc",
    '"event lo"*': "a",
    "lo*": "abc",
    "loop -threads": "a",
    'loop* -"event loop"': "bc",
    "-loop": "cd",
    "-loop -of": "cd",
    "threads OR create_task": "ab",
    "loop threads OR nothing": "b",
    "OR threads": "b",
    "threads OR": "b",
    "title:loop": "",
    "body:loop": "ab",
    "body:loop title:event": "a",
    'title:"event loops"': "a",
    'title:"event loop"': "",
    "title:ev*": "a",
    "-title:threads": "acd",
    "title:threads OR body:create": "ab",
    "of": "b",
    "to be": "d",
    '"or not to"': "d",
    "a": "bc",
    "café": "d",
    "cafe": "d",
    "ПРИВЕТ": "d",
    "7": "d",
    "x²": "d",
    "unknown:loop": "",
    "create:task": "a",
    "event AND loop": "",
}
_FILTERS = {
    "lang:python": "a",
    "lang:PYTHON": "a",
    "lang:py*": "a",
    'lang:"objective c"': "b",
    "-lang:python": "bcd",
    "lang:python OR lang:go": "ac",
    "lang:go OR threads": "bc",
    "loop* lang:go": "c",
    "loop* -lang:go": "ab",
    "stars:5": "b",
    "stars:=5": "b",
    "stars:>5": "cd",
    "stars:>=5": "bcd",
    "stars:<5": "a",
    "stars:<=5": "ab",
    "stars:1..9": "bc",
    "stars:9..": "cd",
    "stars:*..5": "ab",
    "stars:<99999999999999999999999": "abcd",
    "stars:>99999999999999999999999": "",
    "stars:>-3000000000": "abcd",
    "stars:many": "",
    "price:>0.5": "d",
    "public:no": "d",
    "-public:no": "abc",
    "kind:snippet": "a",
    "kind:CODE": "a",
    "written:2026-02-01": "b",
    "written:2026-02": "bc",
    "written:>2026-02": "d",
    "written:2026-02-02..2027": "cd",
    "written:2026": "abcd",
    "seen:2026-02-01": "b",
    "seen:<=2026-02-01": "ab",
    "seen:>2026-02-01": "cd",
    "seen:2026-02": "bc",
    "seen:2026-02-01..2026-02-28": "bc",
    'seen:"2026-02-01 23:59:59+00:00"': "b",
    "seen:>2026-02-01T23:59:58Z": "bcd",
    "created:2026": "",
}
_MALFORMED = (
    "",
    '"',
    "*",
    "AND (",
    "a NEAR(",
    "'; --",
    "-",
    ":",
    "\0",
    "\ud800",
    "é" * 9000,
    'title:"',
    "title:*",
    "stars:..",
    "stars:>",
    "stars:" + "9" * 5000,
    "price:nan",
    "price:1e999",
    "written:9999",
    "written:9999-12-31",
    "seen:>9999-12-31",
    "lang:\0",
    "lang:%",
    "lang:'",
    "title:rank:x",
    "NOT OR AND",
    "| | |",
    "%s %(a)s :x ?",
    "\\",
    "+x -y ~z @3 <a >b (c)",
    "OR " * 500,
    "zz" * 300,
)


class Meaning(Searched):
    """Words, phrases, beginnings, alternatives, exclusions and filters."""

    async def test_what_is_typed_finds(self, db: Database) -> None:
        await self.write_notes()
        assert {text: await self.keys(text) for text in _WORDS} == _WORDS

    async def test_filters_narrow(self, db: Database) -> None:
        await self.write_notes()
        assert {text: await self.keys(text) for text in _FILTERS} == _FILTERS

    async def test_any_text_is_no_error(self, db: Database) -> None:
        await Note.create(id="x", title="hello")
        for text in _MALFORMED:
            assert await Note.matching(text) == [], text[:40]
            assert await Note.matching(text).hits() == [], text[:40]
            assert await Note.matching(f"-qq {text}").count() <= 1, text[:40]

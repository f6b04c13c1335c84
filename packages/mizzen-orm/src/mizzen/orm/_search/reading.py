"""Reading what a person types into a search box, without ever failing.

`loop OR task "event loop" -thread create_t* title:async lang:python stars:>10`: words, phrases and
beginnings that must occur, alternatives, exclusions, words of one field, and filters. A name that
is no field and no filter, or a value that doesn't fit its column, is text like any other. An
identifier such as `create_task` is the phrase "create task" for the index, so it is found whole,
and by each of its parts.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .query import SearchClause, SearchFilter, SearchQuery, SearchTerm
from .words import words

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    ReadFilter = Callable[[str, str, bool], SearchFilter | None]

_ITEM = re.compile(
    r'(?P<minus>-?)(?:(?P<name>[^\W\d]\w*):)?(?:"(?P<phrase>[^"]*)"?(?P<star>\*?)|(?P<word>\S+))'
)
_OR = frozenset({"OR", "|"})
# What no database stores as text: NUL (PostgreSQL) and halves of characters (none).
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")

# Beyond this a query is no longer a person's; the indexes' own parsers have limits, too.
_MOST_TERMS = 32
_MOST_WORDS = 16
_LONGEST_TEXT = 2000


def read_query(
    text: str, fields: Collection[str] = (), filters: Mapping[str, ReadFilter] | None = None
) -> SearchQuery:
    """Return *text* as a query over text *fields* and *filters*."""
    clauses: list[SearchClause] = []
    excluded: list[SearchTerm | SearchFilter] = []
    joining = False
    for item in _ITEM.finditer(_UNSTORABLE.sub(" ", text[:_LONGEST_TEXT])):
        if item.group() in _OR:
            joining = bool(clauses)
            continue
        part = _part(item, fields, filters or {})
        if part is None:
            continue
        if item["minus"]:
            excluded.append(part)
        elif joining:
            clauses[-1] = (*clauses[-1], part)
        else:
            clauses.append((part,))
        joining = False
        if sum(map(len, clauses)) + len(excluded) == _MOST_TERMS:
            break
    return SearchQuery(text, tuple(clauses), tuple(excluded))


def _part(
    item: re.Match[str], fields: Collection[str], filters: Mapping[str, ReadFilter]
) -> SearchTerm | SearchFilter | None:
    name, quoted = (item["name"] or "").lower(), item["phrase"] is not None
    said = item["phrase"] if quoted else item["word"]
    prefix = bool(item["star"]) if quoted else said.endswith("*")
    if name in filters and said:
        read = filters[name](name, said, quoted)
        if read is not None:
            return read
    field = next((field for field in fields if field.lower() == name), None)
    found = words(said)
    if field is None or not found:
        field, found = None, [*words(name), *found]
    if not found:
        return None
    return SearchTerm(tuple(found[:_MOST_WORDS]), prefix and len(found) <= _MOST_WORDS, field)

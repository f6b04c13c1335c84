"""What a search index is made of, as it is kept in the database beside the index."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace

# 1: SQLite's rows were known by their own number where the key is one, PostgreSQL's side table
# referred to its table. 2: numbers of their own and triggers for every event.
FORMAT = 2


@dataclass(frozen=True)
class SearchShape:
    """What an index is made of; kept in the database beside it, so that a change is noticed."""

    table: str
    key: str
    fields: tuple[str, ...]
    numbered: bool  # the key is a plain integer
    weights: tuple[float, ...] = ()  # one for each field; none: all weigh the same
    language: str = "simple"  # "simple": words as they are; else the language of the stems
    prefix: tuple[int, ...] = ()  # lengths of beginnings that SQLite indexes by themselves
    format: int = FORMAT  # how the index is built; an older one is built anew

    @property
    def name(self) -> str:
        """Name of the index, and the beginning of the names of all its parts."""
        return f"{self.table}_search"

    @property
    def each_weight(self) -> tuple[float, ...]:
        """The weight of each field."""
        return self.weights or (1.0,) * len(self.fields)

    def renewed(self) -> SearchShape:
        """Return the shape as it is after the index is built anew."""
        return replace(self, format=FORMAT)

    def to_json(self) -> str:
        """Return the shape as one line of text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> SearchShape:
        """Read what `to_json` wrote, in this or an earlier version."""
        held = json.loads(text)
        return cls(
            held["table"],
            held["key"],
            tuple(held["fields"]),
            held["numbered"],
            tuple(map(float, held.get("weights", ()))),
            held.get("language", "simple"),
            tuple(held.get("prefix", ())),
            held.get("format", 1),
        )

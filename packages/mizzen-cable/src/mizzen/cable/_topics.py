"""Topic patterns: `gist:{id}` matches `gist:42` and gives `{"id": "42"}`."""

from __future__ import annotations

import re

from ._errors import Misconfigured

MAX_TOPIC = 200

# A value never holds a separator and never begins with a dot, so no topic can walk ("../x"),
# and a pattern cannot be made to match more levels than it was written with.
VALUE = r"[\w~@=+-][\w.~@=+-]*"


class Pattern:
    """A compiled topic pattern."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.literal = "{" not in text
        self._regex = re.compile(self._translate(text))

    def match(self, topic: str) -> dict[str, str] | None:
        """Return the values found in *topic*, or None if it isn't one of this pattern's."""
        found = self._regex.fullmatch(topic)
        return found.groupdict() if found else None

    @staticmethod
    def _translate(text: str) -> str:
        if not text or len(text) > MAX_TOPIC or not text.isprintable():
            raise Misconfigured(f"{text!r} is not a topic pattern such as 'room:{{id}}'")
        pieces = re.split(r"\{(\w*)\}", text)
        names = pieces[1::2]
        if any(not name.isidentifier() for name in names) or len(set(names)) != len(names):
            raise Misconfigured(f"{text!r}: each placeholder needs a name of its own")
        if any("{" in literal or "}" in literal for literal in pieces[0::2]):
            raise Misconfigured(f"{text!r}: a brace is not closed")
        return "".join(
            f"(?P<{piece}>{VALUE})" if odd % 2 else re.escape(piece)
            for odd, piece in enumerate(pieces)
        )

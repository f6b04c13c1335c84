"""What search promises on every kind of database."""

from __future__ import annotations

from .composing import Composing
from .following import Following
from .meaning import Meaning
from .ranking import Ranking


class SearchContract(Meaning, Ranking, Following, Composing):
    """Subclass it, and give it a fixture `url`: the URL of an empty database."""

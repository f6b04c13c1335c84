"""Queries: immutable, chained, and run when awaited.

`Chain` holds what is asked for; each of the other bases adds one thing that can be done with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from .._data.framed import Framed
from .._search.hits import Hits
from . import scopes
from .aggregates import Aggregates
from .batches import Batches
from .bulk import Bulk
from .cached import Cached
from .deleted import Deleted
from .locking import Locking
from .pages import Paged
from .partial import Partial
from .raw import Raw
from .strict import Strict

if TYPE_CHECKING:
    from .._models.model import Model

M = TypeVar("M", bound="Model")


class Query(
    Batches[M],
    Paged[M],
    Hits[M],
    Framed[M],
    Aggregates[M],
    Bulk[M],
    Deleted[M],
    Locking[M],
    Partial[M],
    Strict[M],
    Cached[M],
    Raw[M],
):
    """Rows of one model. Every method but the last in a chain returns a new query."""

    if not TYPE_CHECKING:  # a checker would take every misspelt method for a scope

        def __getattr__(self, name: str) -> Any:
            """Return the model's scope of that name, to go on with."""
            if name.startswith("_"):
                raise AttributeError(name)
            return scopes.named(self, self._model, name)

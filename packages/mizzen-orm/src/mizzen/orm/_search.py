"""Full-text search declared on a model: `search = SearchIndex("title", "body")`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._model import Model


class SearchIndex:
    """An index over text fields of a model, kept in step by the database's triggers."""

    def __init__(self, *fields: str) -> None:
        self.fields = fields

    def attach(self, model: type[Model]) -> None:
        """Bind the index to its model."""

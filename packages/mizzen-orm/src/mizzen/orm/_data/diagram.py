"""The entity-relationship diagram of models or tables, as an SVG drawn in plain Python."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from .drawing import HEAD, ROW, drawn, size
from .entities import Entity, Link, entity_of, links_of, tables_of
from .layout.arrange import Joint, arrange
from .layout.nets import Box, Port

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._database import Database

_MOST_ROWS = 30
_SHIFT = 5.5  # apart from each other, two kinds of lines at one key


class Diagram:
    """A drawn schema: the last line of a notebook's cell shows it; `svg` and `save` give the text.

    Lines end in crow's feet: many rows (or, where the foreign key is unique, at most one) of the
    table at the foot refer to one row of the other (to one or none, where the column may be NULL).
    """

    def __init__(self, entities: Sequence[Entity], links: Sequence[Link]) -> None:
        self._entities, self._links = tuple(entities), tuple(links)
        self._svg: str | None = None

    @classmethod
    async def read(
        cls,
        database: Database,
        *,
        schema: str | None = None,
        columns: Literal["all", "keys"] = "all",
    ) -> Diagram:
        """Return the diagram of the tables that are in a database, whoever made them."""
        from .catalog_entities import catalog_entity, catalog_links

        tables = [table for table in await database.meta.tables(schema) if table.kind == "table"]
        keys_only = columns == "keys"
        entities = [catalog_entity(each, keys_only=keys_only, most=_MOST_ROWS) for each in tables]
        return cls(entities, catalog_links(tables))

    @property
    def svg(self) -> str:
        """The SVG document; the same schema gives the same text."""
        if self._svg is None:
            self._svg = self._draw()
        return self._svg

    def save(self, path: str | Path) -> Path:
        """Write the SVG to a file, and return its path."""
        file = Path(path)
        file.write_text(self.svg, encoding="utf-8")
        return file

    def __repr__(self) -> str:
        return f"<mizzen.orm.Diagram {_counted(len(self._entities), 'table')}, " + (
            f"{_counted(len(self._links), 'foreign key')}>"
        )

    def _repr_svg_(self) -> str:
        return self.svg

    def _repr_html_(self) -> str:
        return f"<div style='overflow:auto;max-height:90vh'>{self.svg}</div>"

    def _draw(self) -> str:
        boxes = [Box(entity.name, *size(entity)) for entity in self._entities]
        picture = arrange(boxes, self._joints())
        title = f"Schema: {_counted(len(self._entities), 'table')}"
        said = "; ".join(str(link) for link in self._links) or "No table refers to another."
        return drawn(self._entities, picture, title, said)

    def _joints(self) -> list[Joint]:
        known = {entity.name: entity for entity in self._entities}
        made: list[Joint] = []
        for link in self._links:
            kinds = {
                other.optional
                for other in self._links
                if (other.parent, other.parent_columns) == (link.parent, link.parent_columns)
            }
            shift = 0.0 if len(kinds) == 1 else _SHIFT if link.optional else -_SHIFT
            child = _offset(known[link.child], link.columns[0])
            parent = _offset(known[link.parent], link.parent_columns[0]) + shift
            made.append(
                Joint(
                    Port(link.child, child, "maybe single" if link.single else "many"),
                    Port(link.parent, parent, "maybe one" if link.optional else "one"),
                    str(link),
                )
            )
        return made


def diagram(what: object = None, *, columns: Literal["all", "keys"] = "all") -> Diagram:
    """Return the diagram of models, tables or a MetaData; of all known models when none is given.

    `columns="keys"` shows keys only. A table shows thirty columns at most, its keys among them.
    """
    from .._models import known

    tables = tables_of(known.metadata() if what is None else what)
    keys_only = columns == "keys"
    entities = [entity_of(table, keys_only=keys_only, most=_MOST_ROWS) for table in tables]
    return Diagram(entities, links_of(tables))


def _offset(entity: Entity, attribute: str) -> float:
    row = entity.row(attribute)
    return HEAD / 2 if row is None else HEAD + ROW * (row + 0.5)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"

"""The diagram of a schema: what it shows, and that nothing lies on anything else."""

from __future__ import annotations

import random
import xml.etree.ElementTree as ET
from itertools import pairwise
from typing import TYPE_CHECKING, Any, cast

import pytest
from sqlalchemy import (
    Column,
    Enum,
    ForeignKey,
    ForeignKeyConstraint,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)

from mizzen.orm import ConfigurationError, Database, Diagram, Field, Model, Relationship, diagram
from mizzen.orm._data.entities import links_of
from mizzen.orm._data.layout.arrange import Joint, Picture, arrange
from mizzen.orm._data.layout.nets import Box, Port
from mizzen.orm.testing import scratch_models

if TYPE_CHECKING:
    from pathlib import Path

MODELS = scratch_models()

with MODELS:

    class Harbour(Model):
        name: str = Field(unique=True)
        boats: list[Boat] = Relationship(back_populates="harbour")

    class Boat(Model):
        name: str
        harbour_id: int | None = Field(default=None, foreign_key="harbours.id")
        tows_id: int | None = Field(default=None, foreign_key="boats.id")
        harbour: Harbour | None = Relationship(back_populates="boats")

    class Licence(Model):
        boat_id: int = Field(primary_key=True, foreign_key="boats.id")


def words(svg: str) -> list[str]:
    return [text for node in ET.fromstring(svg).iter() if (text := (node.text or "").strip())]


def test_models_are_drawn_with_keys_types_and_links() -> None:
    with MODELS:
        shown = diagram()
    assert repr(shown) == "<mizzen.orm.Diagram 3 tables, 3 foreign keys>"
    found = words(shown.svg)
    assert {"harbours", "boats", "licences", "PK", "FK", "UQ", "PK FK", "integer?"} <= set(found)
    assert "boats.harbour_id → harbours.id" in found
    assert "Schema: 3 tables" in found
    assert "harbour_id: integer, foreign key, may be NULL" in found
    # Crow's feet: many boats, at most one licence; at most one harbour, exactly one boat.
    assert shown.svg.count("<circle") == 5


def test_models_tables_and_a_metadata_are_taken() -> None:
    with MODELS:
        table = cast("Table", vars(Boat)["__table__"])
        assert "1 table," in repr(diagram(Harbour))
        assert "2 tables, 2 foreign keys" in repr(diagram([Harbour, table, Boat]))
        assert "3 tables" in repr(diagram(table.metadata))
        for wrong in (3, "boats", [None], Model, object()):
            with pytest.raises(ConfigurationError, match="models, tables or a MetaData"):
                diagram(wrong)


async def test_a_database_draws_its_models_and_what_is_in_it() -> None:
    with MODELS:
        async with Database() as database:
            await database.create_all()
            assert database.diagram().svg == diagram().svg
            read = await Diagram.read(database)
            assert repr(read) == "<mizzen.orm.Diagram 3 tables, 3 foreign keys>"
            found = words(read.svg)
            assert {"harbours", "boats", "licences", "PK FK", "UQ"} <= set(found)
            keys = words((await Diagram.read(database, columns="keys")).svg)
            assert "harbour_id" in keys
            assert "… 1 more column" in keys


def test_the_same_schema_gives_the_same_text(tmp_path: Path) -> None:
    assert diagram(schema(25)).svg == diagram(schema(25)).svg
    file = diagram(schema(3)).save(tmp_path / "schema.svg")
    assert file.read_text("utf-8") == diagram(schema(3)).svg
    shown = diagram(schema(3))
    assert shown._repr_svg_() == shown.svg  # pyright: ignore[reportPrivateUsage]
    assert shown.svg in shown._repr_html_()  # pyright: ignore[reportPrivateUsage]


def test_names_are_escaped_and_shortened() -> None:
    found = MetaData()
    evil = "<script>alert('x')</script>&\"\0\x1b\ud800"
    Table(evil, found, Column("a" * 300, Integer), Column("名前 & <b>", String, primary_key=True))
    Table("kinds", found, Column("kind", Enum("<", "&", name="<k>"), primary_key=True))
    shown = diagram(found).svg
    assert "<script>" not in shown
    assert evil[:8] in "".join(words(shown))
    assert "a" * 41 not in [text for text in words(shown) if ":" not in text]
    assert "名前 & <b>" in words(shown)


def test_it_is_told_to_those_who_do_not_see_it() -> None:
    root = ET.fromstring(diagram(schema(4)).svg)
    assert root.get("role") == "img"
    ids = (root.get("aria-labelledby") or "").split()
    said = {node.get("id"): node.text for node in root if node.get("id")}
    assert said.keys() == set(ids)
    assert all(said.values())


def test_wide_tables_keep_their_keys() -> None:
    found = MetaData()
    many = [Column(f"c{number}", Integer) for number in range(200)]
    Table("wide", found, *many, Column("id", Integer, primary_key=True))
    Table("other", found, column("wide_id", "wide.id", primary_key=True))
    shown = words(diagram(found).svg)
    assert "… 171 more columns" in shown
    assert "id" in shown
    assert "c0" not in words(diagram(found, columns="keys").svg)


def test_no_tables_and_references_to_tables_that_are_not_there_are_no_error() -> None:
    assert "Schema: 0 tables" in words(diagram(MetaData()).svg)
    found = MetaData()
    Table("a", found, column("id", "gone.id", primary_key=True))
    assert "0 foreign keys" in repr(diagram(found))
    with scratch_models():
        assert "0 tables" in repr(diagram())


def test_composite_keys_of_other_schemas_are_one_link() -> None:
    found = MetaData()
    Table(
        "p",
        found,
        Column("x", Integer, primary_key=True),
        Column("y", Integer, primary_key=True),
        schema="s",
    )
    own = [Column("id", Integer, primary_key=True), Column("px", Integer), Column("py", Integer)]
    key = ForeignKeyConstraint(["px", "py"], ["s.p.x", "s.p.y"])
    Table("c", found, *own, key, UniqueConstraint("px", "py"))
    (link,) = links_of(found.tables.values())
    assert str(link) == "c.px → s.p.x, c.py → s.p.y"
    assert link.single
    assert link.optional


@pytest.mark.parametrize("tables", [1, 2, 3, 8, 25, 40])
@pytest.mark.parametrize("seed", range(4))
def test_tables_lie_apart_and_lines_go_round_them(tables: int, seed: int) -> None:
    picture = arranged(tables, seed)
    boxes = list(picture.boxes.values())
    assert len(boxes) == tables
    for number, box in enumerate(boxes):
        assert box.x >= 0
        assert box.x + box.width <= picture.width + 0.01
        assert box.y + box.height <= picture.height + 0.01
        for other in boxes[:number]:
            assert apart(box, other), (box, other)
    for wire, points in picture.lines:
        start, stop = picture.boxes[wire.start.box], picture.boxes[wire.stop.box]
        assert points[0] == (start.x + start.width, start.y + wire.start.offset)
        assert points[-1][1] == pytest.approx(stop.y + wire.stop.offset)
        assert points[-1][0] in (stop.x, stop.x + stop.width)
        for (x, y), (to_x, to_y) in pairwise(points):
            assert x == to_x or y == pytest.approx(to_y)
            for box in boxes:
                inside_x = min(x, to_x) < box.x + box.width - 1 and max(x, to_x) > box.x + 1
                inside_y = min(y, to_y) < box.y + box.height - 1 and max(y, to_y) > box.y + 1
                assert not (inside_x and inside_y), (wire.label, box)


def test_circles_of_references_are_drawn() -> None:
    boxes = [Box(name, 100, 80) for name in "abc"]
    joints = [
        Joint(Port(one, 50, "many"), Port(other, 40, "one"), one + other)
        for one, other in ("ab", "bc", "ca", "aa", "ac")
    ]
    picture = arrange(boxes, joints)
    assert len(picture.lines) == 5
    assert {wire.label for wire, _points in picture.lines} == {"ab", "bc", "ca", "aa", "ac"}


def column(name: str, target: str, **options: Any) -> Column[Any]:
    return Column(name, ForeignKey(target), **options)


def apart(one: Box, other: Box) -> bool:
    beside = one.x + one.width <= other.x or other.x + other.width <= one.x
    return beside or one.y + one.height <= other.y or other.y + other.height <= one.y


def arranged(tables: int, seed: int) -> Picture:
    chance = random.Random(seed)
    boxes = [
        Box(f"t{number}", chance.randrange(80, 300), 30 + 22 * chance.randrange(2, 12))
        for number in range(tables)
    ]
    joints = [
        Joint(
            Port(f"t{chance.randrange(tables)}", 30 + 22 * (place % 2) + 11, "many"),
            Port(f"t{chance.randrange(tables)}", 41, "one"),
            str(place),
        )
        for place in range(tables * 3 // 2)
    ]
    return arrange(boxes, joints)


def schema(tables: int) -> MetaData:
    chance, found = random.Random(tables), MetaData()
    for number in range(tables):
        columns: list[Column[Any]] = [Column("id", Integer, primary_key=True)]
        for place in range(chance.randrange(3) if number else 0):
            target = f"t{chance.randrange(number)}.id"
            columns.append(column(f"f{place}", target, nullable=chance.random() < 0.5))
        Table(f"t{number}", found, *columns)
    return found

"""Models whose key has two or three columns, other tables' keys among them."""

from __future__ import annotations

import copy
import pickle
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import ForeignKeyConstraint, tuple_

from mizzen.orm import (
    ConstraintFailed,
    Database,
    Field,
    Invalid,
    Model,
    NotFound,
    NotUnique,
    Relationship,
    UnknownName,
)
from mizzen.orm.testing import scratch_models

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

MODELS = scratch_models()

with MODELS:

    class Shop(Model):
        name: str
        orders: list[Order] = Relationship(back_populates="shop")

    class Order(Model):
        shop_id: int = Field(primary_key=True, foreign_key="shops.id", ondelete="CASCADE")
        number: int = Field(primary_key=True)
        buyer: str = ""
        total: int = 0
        shop: Shop | None = Relationship(back_populates="orders")
        lines: list[Line] = Relationship(back_populates="parent")

    class Line(Model):
        shop_id: int = Field(primary_key=True)
        order_number: int = Field(primary_key=True)
        position: int = Field(primary_key=True)
        text: str = ""
        pieces: int = 1
        parent: Order | None = Relationship(back_populates="lines")

        __table_args__ = (
            ForeignKeyConstraint(
                ["shop_id", "order_number"],
                ["orders.shop_id", "orders.number"],
                ondelete="CASCADE",
            ),
        )

    class Word(Model):
        language: str = Field(primary_key=True, max_length=8)
        word: str = Field(primary_key=True, max_length=40)
        uses: int = 0


@pytest.fixture
async def db(database_url: str, anyio_backend: object) -> AsyncGenerator[Database]:
    with MODELS:
        async with Database(database_url) as database:
            await database.create_all()
            yield database


async def sale(orders: int = 2, lines: int = 2) -> Shop:
    shop = await Shop.create(name="s")
    await Order.insert_all(
        {"shop_id": shop.id, "number": n, "buyer": f"b{n}", "total": 10 * n}
        for n in range(1, orders + 1)
    )
    await Line.insert_all(
        {"shop_id": shop.id, "order_number": n, "position": p, "text": f"{n}.{p}"}
        for n in range(1, orders + 1)
        for p in range(1, lines + 1)
    )
    return shop


async def loaded(relation: Any) -> Any:
    return await relation


async def test_a_row_is_found_by_its_whole_key(db: Database) -> None:
    shop = await sale()
    order = await Order.get((shop.id, 2))
    assert (order.buyer, order.total) == ("b2", 20)
    line = await Line.get([shop.id, 2, 1])
    assert line.text == "2.1"
    assert await Order.find((shop.id, 9)) is None
    async with db.transaction():
        assert (await Line.get((shop.id, 1, 2))).text == "1.2"
    with pytest.raises(NotFound, match=rf"there is no Order \({shop.id}, 9\)"):
        await Order.get((shop.id, 9))


@pytest.mark.parametrize("key", [1, "ab", (1,), (1, 2, 3), None, {"shop_id": 1, "number": 2}])
async def test_a_key_of_the_wrong_size_says_what_is_wanted(db: Database, key: Any) -> None:
    with pytest.raises(UnknownName, match=r"key of Order is \(shop_id, number\)"):
        await Order.get(key)


async def test_a_key_of_one_column_is_no_tuple(db: Database) -> None:
    shop = await sale()
    with pytest.raises(UnknownName, match="key of Shop is id: give one value"):
        await Shop.get((shop.id, 1))


async def test_rows_are_saved_changed_read_again_and_destroyed(db: Database) -> None:
    shop = await Shop.create(name="s")
    order = await Order.create(shop_id=shop.id, number=1, buyer="ann")
    await order.update(buyer="bea", total=3)
    order.total = 4
    await order.save()
    other = await Order.get((shop.id, 1))
    assert (other.buyer, other.total) == ("bea", 4)
    assert other == order
    assert hash(other) == hash(order)
    await other.update(total=5)
    await order.reload()
    assert order.total == 5
    with pytest.raises(NotUnique):
        await Order.create(shop_id=shop.id, number=1)
    with pytest.raises(ConstraintFailed):
        await Line.create(shop_id=shop.id, order_number=8, position=1)
    await order.destroy()
    with pytest.raises(NotFound, match=rf"the Order \({shop.id}, 1\) is gone"):
        await other.update(total=6)
    with pytest.raises(NotFound):
        await other.reload()


async def test_part_of_a_key_may_change(db: Database) -> None:
    word = await Word.create(language="en", word="colour", uses=3)
    await word.update(word="color")
    assert await Word.find(("en", "colour")) is None
    again = await Word.get(("en", "color"))
    assert again.uses == 3
    await again.update(uses=4)
    assert await Word.all().pluck("word", "uses") == [("color", 4)]


async def test_rows_go_with_what_their_key_refers_to(db: Database) -> None:
    shop = await sale()
    await (await Order.get((shop.id, 1))).destroy()
    assert await Line.all().pluck("order_number") == [2, 2]
    await shop.destroy()
    assert (await Order.all().count(), await Line.all().count()) == (0, 0)


async def test_objects_are_saved_along_with_what_they_refer_to(db: Database) -> None:
    shop = await Shop.create(name="s")
    order = await Order.create(shop=shop, number=7, lines=[], shop_id=shop.id)
    await Line.create(parent=order, position=1, shop_id=shop.id, order_number=7)
    assert await Line.all().pluck("shop_id", "order_number", "position") == [(shop.id, 7, 1)]


@pytest.mark.parametrize("inside", [False, True])
async def test_relations_by_two_columns_are_included(db: Database, inside: bool) -> None:
    first, second = await sale(), await sale()

    async def check() -> None:
        orders = await Order.include("lines", "shop").order("shop_id", "number")
        assert [[line.text for line in order.lines] for order in orders] == [
            ["1.1", "1.2"],
            ["2.1", "2.2"],
        ] * 2
        assert [order.shop.id for order in orders if order.shop] == [
            *(first.id, first.id, second.id, second.id)
        ]
        lines = await Line.include("parent.shop").order("shop_id", "order_number", "position")
        assert [(line.parent.number, line.parent.shop_id) for line in lines if line.parent] == [
            (line.order_number, line.shop_id) for line in lines
        ]
        (shop,) = await Shop.where(id=second.id).include("orders.lines")
        assert sum(len(order.lines) for order in shop.orders) == 4

    if inside:
        async with db.transaction():
            await check()
    else:
        await check()


async def test_relations_by_two_columns_are_awaited(db: Database) -> None:
    shop = await sale()
    orders = await Order.order("number")
    assert [line.text for line in await loaded(orders[1].lines)] == ["2.1", "2.2"]
    assert [line.text for line in await loaded(orders[0].lines)] == ["1.1", "1.2"]
    line = await Line.get((shop.id, 2, 1))
    assert (await loaded(line.parent)).buyer == "b2"
    assert (await loaded((await loaded(line.parent)).shop)).name == "s"
    assert len(await loaded(shop.orders)) == 2


async def test_conditions_across_relations(db: Database) -> None:
    await sale()
    assert await Order.where(lines__text="2.1").pluck("number") == [2]
    assert await Line.where(parent__buyer="b1").order("position").pluck("text") == ["1.1", "1.2"]
    assert await Line.where(parent__shop__name="s", position=2).count() == 2
    joined = Line.join("parent").where(Order.total > 10).order("-position")
    assert await joined.pluck("text") == ["2.2", "2.1"]
    assert await joined.count() == 2


async def test_counting_first_one_and_existence(db: Database) -> None:
    await sale(3)
    assert (await Order.all().count(), await Order.where(total__gt=10).count()) == (3, 2)
    first, last = await Order.first(), await Order.order("-number").first()
    assert first is not None
    assert last is not None
    assert (first.number, last.number) == (1, 3)
    assert (await Order.where(total=20).one()).number == 2
    assert await Line.where(text="3.2").exists()
    assert await Order.join("lines").distinct().count() == 3


async def test_pages_slices_batches_and_iteration(db: Database) -> None:
    await sale(5, 5)
    expected = [f"{n}.{p}" for n in range(1, 6) for p in range(1, 6)]
    page = await Line.all().page(2, size=10)
    assert ([line.text for line in page], page.pages) == (expected[10:20], 3)
    seen: list[str] = []
    async for batch in Line.all().in_batches(7):
        seen += [line.text for line in batch]
    assert seen == expected
    assert sorted([line.text async for line in Line.all()]) == expected
    cursor, seen = None, []
    while True:
        part = await Line.order("-pieces").after(cursor, size=4)
        seen += [line.text for line in part]
        cursor = part.next
        if cursor is None:
            break
    assert seen == expected
    last = await Line.order("-pieces").after(size=20)
    beyond = await Line.order("-pieces").after(last.next, size=20)
    back = await Line.order("-pieces").after(beyond.previous, size=20)
    assert [line.text for line in back] == expected[:20]


async def test_bulk_inserts(db: Database) -> None:
    made = await Word.insert_all([{"language": "en", "word": "a"}, Word(language="de", word="b")])
    await made[0].update(uses=2)
    await made[1].destroy()
    assert await Word.all().pluck("language", "word", "uses") == [("en", "a", 2)]
    with pytest.raises(NotUnique):
        await Word.insert_all([{"language": "de", "word": "c"}, {"language": "en", "word": "a"}])
    assert await Word.all().count() == 1
    kept = await Word.all().insert_all(
        [{"language": "de", "word": "c"}, {"language": "en", "word": "a"}], ignore=True
    )
    assert [row.word for row in kept] == ["c"]
    async with db.transaction():
        await Word.insert_all([{"language": "fr", "word": "d"}])
    assert (await Word.get(("fr", "d"))).uses == 0


async def test_upserts_by_the_key(db: Database) -> None:
    key = ["language", "word"]
    await Word.upsert_all([{"language": "en", "word": "a", "uses": 1}], on=key)
    rows = await Word.upsert_all(
        [{"language": "de", "word": "a", "uses": 5}, {"language": "en", "word": "a", "uses": 2}],
        on=key,
    )
    assert [(row.language, row.uses) for row in rows] == [("de", 5), ("en", 2)]
    with pytest.raises(Invalid, match="two Word rows"):
        await Word.upsert_all([{"language": "en", "word": "a"}] * 2, on=key)
    found = await Word.find_or_create({"uses": 9}, language="en", word="a")
    assert found.uses == 2
    assert (await Word.find_or_create({"uses": 9}, language="en", word="z")).uses == 9


async def test_bulk_changes_with_limits_and_joins(db: Database) -> None:
    await sale(4, 3)
    assert await Line.order("order_number", "-position").limit(2).update_all(pieces=9) == 2
    assert await Line.where(pieces=9).order("position").pluck("text") == ["1.2", "1.3"]
    assert await Line.join("parent").where(Order.total >= 30).update_all(text="x") == 6
    assert await Line.where(parent__total=10).delete_all() == 3
    assert await Line.order("-order_number", "-position").limit(1).offset(1).delete_all() == 1
    assert await Line.where(order_number=4).order("position").pluck("position") == [1, 3]


async def test_rows_of_many_keys(db: Database) -> None:
    shop = await sale(3)
    keys = [(shop.id, 1), (shop.id, 3), (shop.id, 9)]
    among = tuple_(Order.shop_id, Order.number).in_(keys)
    assert await Order.where(among).order("number").pluck("number") == [1, 3]
    named = ({"shop_id": shop, "number": number} for shop, number in keys)
    assert await Order.where_any(*named).order("number").pluck("number") == [1, 3]


async def test_copies_and_pickles_are_the_same_row(db: Database) -> None:
    shop = await sale()
    order = await Order.get((shop.id, 1))
    for other in (copy.copy(order), copy.deepcopy(order), pickle.loads(pickle.dumps(order))):
        assert other == order
        await other.update(total=other.total + 1)
    assert (await Order.get((shop.id, 1))).total == 11
    (order,) = await Order.where(number=1).include("lines.parent")
    deep = copy.deepcopy(order)
    assert deep.lines[0].parent is not None
    assert deep.lines[0] is not order.lines[0]
    deep.lines[0].text = "changed"
    assert order.lines[0].text == "1.1"
    fresh = copy.deepcopy(Order(shop_id=shop.id or 0, number=9, lines=[]))
    await fresh.save()
    assert await Order.find((shop.id, 9)) == fresh


async def test_locks_savepoints_and_rollbacks(db: Database) -> None:
    shop = await sale()
    async with db.transaction():
        (order,) = await Order.where(number=1).with_lock()
        with pytest.raises(KeyError):
            async with db.transaction():
                await order.update(total=77)
                raise KeyError
        await order.update(buyer="kim")
    assert await Order.where(number=1).pluck("buyer", "total") == [("kim", 10)]
    new = Order(shop_id=shop.id or 0, number=50)
    with pytest.raises(KeyError):
        async with db.transaction():
            await new.save()
            raise KeyError
    await new.save()
    assert await Order.find((shop.id, 50)) == new


async def test_migrations_agree(database_url: str, tmp_path: Path) -> None:
    with MODELS:
        async with Database(database_url) as db:
            migrations = db.migrations(tmp_path)
            await migrations.make("shops")
            await migrations.up()
            assert await migrations.make("nothing") is None
            shop = await sale()
            assert (await Line.get((shop.id, 2, 2))).text == "2.2"
            await migrations.down()
            await migrations.up()
            assert await Line.all().count() == 0

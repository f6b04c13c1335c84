"""Single statements go around SQLAlchemy's sessions: the same values, and nothing left open."""

from __future__ import annotations

import asyncio
import enum
import pickle
import uuid
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import JSON, String, event
from sqlalchemy import text as sql
from sqlmodel import select

from mizzen.orm import Busy, Database, Field, Invalid, Model, NotUnique, OrmError
from mizzen.orm.testing import scratch_models

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine


class Colour(enum.Enum):
    RED = "r"
    BLUE = "b"


with scratch_models() as MODELS:

    class Every(Model):
        __tablename__: Any = "everything"

        text: str = ""
        name: str | None = Field(default=None, unique=True)
        whole: int = 0
        real: float = 0.0
        yes: bool = False
        exact: Decimal = Field(default=Decimal(0), max_digits=12, decimal_places=4)
        day: date = date(2000, 1, 1)
        moment: datetime = datetime(2000, 1, 1, tzinfo=UTC)
        clock: time = time(0)
        span: timedelta = timedelta(0)
        key: uuid.UUID = uuid.UUID(int=0)
        raw: bytes = b""
        colour: Colour = Colour.RED
        data: dict[str, Any] | None = Field(default=None, sa_type=JSON)

    class Other(Model):
        text: str = ""
        whole: int = 0
        short: str | None = Field(default=None, sa_type=String(3))

    class Counted(Model):
        text: str

        def __init__(self, /, *validated: Any, **data: Any) -> None:
            super().__init__(*validated, **data)
            vars(self)["text"] = self.text.upper()


@pytest.fixture(params=["memory", "inline", "postgresql"])
async def db(request: pytest.FixtureRequest, anyio_backend: object) -> AsyncGenerator[Database]:
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else "memory:"
    with MODELS:
        async with Database(url, inline_reads=request.param == "inline") as database:
            await database.create_all()
            yield database


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
ROWS = st.fixed_dictionaries(
    {
        "text": TEXT,
        "whole": st.integers(-(2**31), 2**31 - 1),
        "real": st.floats(allow_nan=False, allow_infinity=False),
        "yes": st.booleans(),
        "exact": st.decimals(-9999, 9999, places=4),
        "day": st.dates(),
        "moment": st.datetimes(datetime(1900, 1, 1), timezones=st.just(UTC)),
        "clock": st.times(),
        "span": st.timedeltas(timedelta(-999), timedelta(999)),
        "key": st.uuids(),
        "raw": st.binary(max_size=20),
        "colour": st.sampled_from(Colour),
        "data": st.none() | st.dictionaries(TEXT, st.integers(-99, 99) | TEXT, max_size=3),
    }
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(first=ROWS, second=ROWS)
async def test_both_ways_write_and_read_the_same(
    db: Database, first: dict[str, Any], second: dict[str, Any]
) -> None:
    straight = await Every.create(**first)
    async with db.transaction() as session:
        slow = await Every.create(**first)
        assert session is not None
    (bulk,) = await Every.insert_all([first])
    for key in (straight.id, slow.id, bulk.id):
        found = await Every.get(key)
        assert found.model_dump(exclude={"id"}) == straight.model_dump(exclude={"id"})
        async with db.session() as session:
            row = (await session.scalars(select(Every).where(Every.id == key))).one()
            assert row.model_dump() == found.model_dump()
    found = await Every.get(straight.id)
    await found.update(**second)
    again = await Every.where(Every.id == straight.id, whole=second["whole"]).one()
    assert again.model_dump() == found.model_dump()
    assert {name: getattr(again, name) for name in second} == {
        name: getattr(found, name) for name in second
    }


COMPARED = ["text", "whole", "real", "exact", "day", "moment", "clock", "key", "colour", "raw"]
LOOKUPS = st.lists(
    st.tuples(
        st.sampled_from(COMPARED),
        st.sampled_from(["", "__ne", "__gt", "__lte", "__in", "__isnull"]),
        st.integers(1, 9),
    ),
    min_size=1,
    max_size=3,
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rows=st.lists(ROWS, min_size=1, max_size=5),
    asked=LOOKUPS,
    order=st.sampled_from(["id", "-id", "-whole"]),
    limit=st.none() | st.integers(0, 5),
    offset=st.none() | st.integers(0, 3),
)
async def test_both_ways_find_the_same(
    db: Database,
    rows: list[dict[str, Any]],
    asked: list[tuple[str, str, int]],
    order: str,
    limit: int | None,
    offset: int | None,
) -> None:
    made = await Every.insert_all([{**row, "data": None} for row in rows])
    lookups: dict[str, Any] = {}
    for field, operator, many in asked:
        values = [row[field] for row in rows]
        several = (values * many)[:many]
        value = {"__in": several, "__isnull": many % 2 == 0}.get(operator, values[-1])
        lookups[field + operator] = value
    query = Every.where(Every.id.in_([row.id for row in made])).where(**lookups)
    plain = Every.where(id__in=[row.id for row in made], **lookups)
    for each in (query, plain):
        straight = [row.id for row in await each.order(order, "id").limit(limit).offset(offset)]
        async with db.transaction():
            slow = await each.order(order, "id").limit(limit).offset(offset)
        assert straight == [row.id for row in slow]


async def test_none_and_true_are_other_shapes_than_values(db: Database) -> None:
    await Every.insert_all([{"name": "a", "yes": True}, {"name": None, "whole": 1}])
    for _ in range(2):
        assert [row.name for row in await Every.where(name="a")] == ["a"]
        assert [row.name for row in await Every.where(name=None)] == [None]
        assert [row.name for row in await Every.where(name__ne="a")] == [None]
        assert [row.name for row in await Every.where(name__isnull=False)] == ["a"]
        assert [row.name for row in await Every.where(yes=True)] == ["a"]
        assert [row.name for row in await Every.where(yes=False)] == [None]
        assert [row.name for row in await Every.where(whole=1)] == [None]
        assert await Every.where(name__in=[]) == []


async def test_a_list_of_any_length_finds_its_rows(db: Database) -> None:
    made = await Every.insert_all([{} for _ in range(600)])
    keys = [row.id for row in made]
    for length in (1, 2, 3, 4, 5, 511, 512, 513, 600):
        found = await Every.where(id__in=keys[:length]).order("id")
        assert [row.id for row in found] == keys[:length]


async def test_a_look_up_keeps_the_list_it_was_given(db: Database) -> None:
    (row,) = await Every.insert_all([{}])
    keys = [row.id]
    query = Every.where(id__in=keys)
    keys.clear()
    assert [found.id for found in await query] == [row.id]


async def test_shapes_are_bounded_and_each_model_has_its_own(db: Database) -> None:
    await Every.create(text="x")
    await Other.create(text="x", whole=5)
    for _ in range(2):
        assert [row.whole for row in await Every.where(text="x")] == [0]
        assert [row.whole for row in await Other.where(text="x")] == [5]
    straight = db.straight
    assert straight is not None
    names = [f"{name}{operator}" for name in COMPARED[:6] for operator in ("", "__ne", "__gt")]
    for number, first in enumerate(names):
        for second in names[number + 1 :]:
            values = {name: getattr(Every(), name.partition("__")[0]) for name in (first, second)}
            for limit in (None, 1, 2):
                await Every.where(**values).limit(limit)
    assert len(straight.shapes) <= straight.shapes.capacity * 1.5 + 1


async def test_documents_are_read_as_the_standard_library_reads_them(db: Database) -> None:
    texts = ['{"a": 1, "a": 2}', '["\\ud83d\\ude00", 1.0, -0.0, 1e5, 12345678901234567890123]']
    if not db.url.startswith("postgresql"):
        texts += ['["\\ud800"]', "[NaN, Infinity, -Infinity]", "5", '"text"', "null"]
    for text in texts:
        row = await Every.create()
        async with db.transaction() as session:
            values = {"text": text, "id": row.id}
            as_json = "CAST(:text AS json)" if db.url.startswith("postgresql") else ":text"
            change = sql(f"UPDATE everything SET data = {as_json} WHERE id = :id")
            await session.execute(change, values)
        straight = await Every.get(row.id)
        async with db.session() as session:
            slow = (await session.scalars(select(Every).where(Every.id == row.id))).one()
        assert repr(straight.data) == repr(slow.data)


async def test_times_that_others_wrote_are_read_alike(tmp_path: Any, anyio_backend: object) -> None:
    with MODELS:
        async with Database(f"sqlite:///{tmp_path}/a.db") as db:
            await db.create_all()
            for text in ("2024-01-31 12:30:15", "2024-01-31T12:30:15+02:00", "2024-01-31"):
                row = await Every.create()
                async with db.transaction() as session:
                    change = sql("UPDATE everything SET moment = :text WHERE id = :id")
                    await session.execute(change, {"text": text, "id": row.id})
                straight = await Every.get(row.id)
                async with db.session() as session:
                    slow = (await session.scalars(select(Every).where(Every.id == row.id))).one()
                assert straight.moment == slow.moment
                assert straight.moment.tzinfo is UTC


async def test_a_get_asks_one_question_and_opens_no_session(db: Database) -> None:
    row = await Every.create(text="x")
    seen: list[object] = []
    event.listen(db.reader.sync_engine, "before_cursor_execute", lambda *call: seen.append(call[2]))
    assert (await Every.get(row.id)).text == "x"
    assert [found.text for found in await Every.where(text="x").order("-id").limit(5)] == ["x"]
    await row.update(text="y")
    assert seen == []


async def test_a_refused_insert_leaves_the_object_new(db: Database) -> None:
    await Every.create(name="taken")
    row = Every(name="taken")
    with pytest.raises(NotUnique):
        await row.save()
    row.name = "free"
    await row.save()
    assert (await Every.get(row.id)).name == "free"


async def test_one_bad_row_refuses_the_whole_bulk(db: Database) -> None:
    with pytest.raises(NotUnique):
        await Every.insert_all([{"name": "a"}, {"name": "b"}, {"name": "a"}])
    assert await Every.all().count() == 0


async def test_bulk_objects_know_their_own_keys(db: Database) -> None:
    made = await Every.insert_all({"text": str(number)} for number in range(2500))
    for row in (made[0], made[1234], made[-1]):
        assert (await Every.get(row.id)).text == row.text


async def test_bulk_carries_every_sign(db: Database) -> None:
    texts = ["", "NULL", "null", "{a,b}", 'q"q', "b\\b", "c,d", " x ", "é\n\t", "'", "%s", 'a\\"b']
    rows = [{"text": text, "name": None, "raw": bytes(range(256))} for text in texts]
    rows += [{"text": "r", "real": value} for value in (1e300, -1e-300, 0.1, float("inf"))]
    made = await Every.insert_all(rows)
    found = await Every.where(id__in=[row.id for row in made]).order("id")
    assert [row.model_dump() for row in found] == [row.model_dump() for row in made]
    async with db.session() as session:
        slow = (await session.scalars(select(Every).order_by(Every.id))).all()
        assert [row.model_dump() for row in slow] == [row.model_dump() for row in made]


async def test_bulk_refuses_what_does_not_fit_a_column(db: Database) -> None:
    if db.url.startswith("postgresql"):  # SQLite takes any length
        with pytest.raises(OrmError):
            await Other.insert_all([{"short": "abc"}, {"short": "abcd"}])
        assert await Other.count() == 0
    await Other.insert_all([{"short": "abc"}])


async def test_bulk_takes_rows_of_which_some_have_keys(db: Database) -> None:
    made = await Every.insert_all([{"text": "a"}, {"id": 7000, "text": "b"}, {"text": "c"}])
    assert made[1].id == 7000
    for row in made:
        assert (await Every.get(row.id)).text == row.text


async def test_bulk_gives_objects_that_are_whole(db: Database) -> None:
    given_one = Every(text="mine")
    made = await Every.insert_all([{"text": "a", "whole": "3"}, given_one])
    assert made[1] is given_one
    assert made[0].whole == 3
    assert made[0].model_fields_set >= {"text", "whole"}
    made[0].text = "b"
    await made[0].save()
    await made[1].update(text="c")
    assert [row.text for row in await Every.order("id")] == ["b", "c"]
    assert made[0] == await Every.get(made[0].id)
    assert pickle.loads(pickle.dumps(made[0])).text == "b"


async def test_bulk_makes_objects_with_the_models_own_constructor(db: Database) -> None:
    made = await Counted.insert_all([{"text": "a"}, {"text": "b"}])
    assert [row.text for row in made] == ["A", "B"]
    assert sorted([row.text for row in await Counted.all()]) == ["A", "B"]


async def test_a_bad_row_in_bulk_is_told(db: Database) -> None:
    with pytest.raises(Invalid, match="whole"):
        await Every.insert_all([{"text": "a"}, {"whole": "many"}])
    with pytest.raises(Invalid, match="unknown"):
        await Every.insert_all([{"unknown": 1}])
    assert await Every.count() == 0


async def test_two_hundred_writers_lose_nothing(db: Database) -> None:
    row = await Every.create()

    async def count() -> None:
        async with db.transaction():
            if db.url.startswith("postgresql"):
                await Every.where(id=row.id).update_all(whole=Every.whole + 1)
                return
            found = await Every.get(row.id)
            await found.update(whole=found.whole + 1)

    async def create() -> None:
        await Every.create(text="beside")

    await asyncio.gather(*[work() for _ in range(100) for work in (count, create)])
    assert (await Every.get(row.id)).whole == 100
    assert await Every.where(text="beside").count() == 100


@pytest.mark.parametrize("what", ["get", "list", "create", "update", "insert_all"])
async def test_cancelling_at_any_moment_leaves_nothing_open(db: Database, what: str) -> None:
    row = await Every.create(text="kept")
    work: dict[str, Callable[[], Coroutine[Any, Any, object]]] = {
        "get": lambda: Every.get(row.id),
        "list": lambda: Every.where(text="kept").all(),
        "create": lambda: Every.create(text="new"),
        "update": lambda: row.update(text="kept"),
        "insert_all": lambda: Every.insert_all([{"text": "new"} for _ in range(20)]),
    }
    for waits in range(12):
        task = asyncio.create_task(work[what]())
        for _ in range(waits):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
    assert db.stats()["connections_busy"] == 0
    async with asyncio.timeout(5):
        await Every.create(text="after")
        assert await Every.where(text="after").count() == 1


async def test_a_writer_that_waits_too_long_is_told(tmp_path: Any, anyio_backend: object) -> None:
    with MODELS:
        url = f"sqlite:///{tmp_path}/a.db"
        async with Database(url) as holder, Database(url, timeout=0.2) as waiting:
            await holder.create_all()
            async with holder.transaction():
                await Every.create(text="held")

                async def write() -> None:
                    await Every.using(waiting).create(text="late")

                with pytest.raises(Busy, match="did not come in time"):
                    await write()
            async with waiting.session():
                assert await Every.all().count() == 1


async def test_a_restarted_server_costs_a_reconnect(postgres_url: str) -> None:
    with MODELS:
        async with Database(postgres_url) as db, Database(postgres_url) as other:
            await db.create_all()
            async with db.session():
                row = await Every.create(text="x")
            async with other.engine.connect() as connection:
                await connection.exec_driver_sql(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            assert (await Every.using(db).get(row.id)).text == "x"

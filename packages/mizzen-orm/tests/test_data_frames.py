"""`to_df()`: pandas and polars frames with fitting types."""

from __future__ import annotations

import enum
import sys
import uuid
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import JSON, BigInteger, Column, func

from mizzen.orm import ConfigurationError, Database, Field, Model, Results, UnknownName
from mizzen.orm._data import frames
from mizzen.orm._data.columns import Column as Described
from mizzen.orm._data.frames import frame
from mizzen.orm.testing import scratch_models

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

MODELS = scratch_models()

with MODELS:

    class Grade(enum.Enum):
        LOW = "low"
        HIGH = "high"

    class Level(enum.IntEnum):
        ONE = 1
        TWO = 2

    class Sample(Model):
        name: str
        count: int | None = None
        big: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
        share: float | None = None
        good: bool = True
        checked: bool | None = None
        price: Decimal | None = Field(default=None, max_digits=10, decimal_places=2)
        grade: Grade = Grade.LOW
        level: Level | None = None
        at: datetime | None = None
        day: date | None = None
        clock: time | None = None
        took: timedelta | None = None
        key: uuid.UUID | None = None
        blob: bytes | None = None
        extra: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON))
        secret: str = Field(default="hidden", repr=False)


FULL: dict[str, Any] = {
    "name": "naïve 名前",
    "count": 3,
    "big": 2**62,
    "share": 0.5,
    "checked": False,
    "price": Decimal("12.50"),
    "grade": Grade.HIGH,
    "level": Level.TWO,
    "at": datetime(2024, 2, 29, 12, 30, 1, 5, tzinfo=timezone(timedelta(hours=2))),
    "day": date(2024, 2, 29),
    "clock": time(1, 2, 3),
    "took": timedelta(seconds=1.5),
    "key": uuid.UUID(int=7),
    "blob": b"\0\xff",
    "extra": {"a": [1, None]},
}


@pytest.fixture
async def database() -> AsyncGenerator[Database]:
    with MODELS:
        async with Database() as database:
            await database.create_all()
            yield database


@pytest.mark.extra("pandas")
async def test_pandas_columns_have_types_that_fit(database: Database) -> None:
    pandas: Any = import_module("pandas")
    await Sample.insert_all([FULL, {"name": "empty"}])
    made = await Sample.order("id").to_df("pandas")
    text = "str" if pandas.__version__ >= "3" else "string"
    assert {name: str(kind) for name, kind in made.dtypes.items()} == {
        "id": "int64",
        "name": text,
        "count": "Int64",
        "big": "int64",
        "share": "float64",
        "good": "bool",
        "checked": "boolean",
        "price": "object",
        "grade": "category",
        "level": "category",
        "at": "datetime64[us, UTC]",
        "day": "datetime64[s]",
        "clock": "object",
        "took": "timedelta64[us]",
        "key": text,
        "blob": "object",
        "extra": "object",
    }
    row = made.iloc[0]
    assert row["count"] == 3
    assert row["price"] == Decimal("12.50")
    assert isinstance(row["price"], Decimal)
    assert row["grade"] == "high"
    assert row["level"] == "TWO"
    assert row["at"] == datetime(2024, 2, 29, 10, 30, 1, 5, tzinfo=UTC)
    assert row["extra"] == {"a": [1, None]}
    assert list(made["grade"].cat.categories) == ["low", "high"]
    empty = made.iloc[1]
    assert empty[["count", "share", "checked", "at", "day", "key", "blob"]].isna().all()


@pytest.mark.extra("polars")
async def test_polars_columns_have_types_that_fit(database: Database) -> None:
    import polars

    await Sample.insert_all([FULL, {"name": "empty"}])
    made = await Sample.order("id").to_df("polars")
    assert dict(made.schema) == {
        "id": polars.Int64,
        "name": polars.String,
        "count": polars.Int64,
        "big": polars.Int64,
        "share": polars.Float64,
        "good": polars.Boolean,
        "checked": polars.Boolean,
        "price": polars.Decimal(38, 2),
        "grade": polars.Enum(["low", "high"]),
        "level": polars.Enum(["ONE", "TWO"]),
        "at": polars.Datetime("us", "UTC"),
        "day": polars.Date,
        "clock": polars.Time,
        "took": polars.Duration("us"),
        "key": polars.String,
        "blob": polars.Binary,
        "extra": polars.Object,
    }
    assert made["price"][0] == Decimal("12.50")
    assert made["at"][0] == FULL["at"]
    assert made["extra"][0] == {"a": [1, None]}
    assert made["count"].null_count() == 1


@pytest.mark.extra("pandas")
@pytest.mark.extra("polars")
@pytest.mark.parametrize("library", ["pandas", "polars"])
async def test_an_empty_result_keeps_columns_and_types(database: Database, library: str) -> None:
    empty = await Sample.where().to_df(library)
    await Sample.insert_all([FULL])
    one = await Sample.where().to_df(library)
    assert list(empty.columns) == list(one.columns)
    # The scale of a decimal is the column's, unless a value has more.
    assert list(empty.dtypes) == list(one.dtypes)
    assert len(empty) == 0
    assert empty.shape == Results[Sample]([], Sample).to_df(library).shape
    assert Results[Sample]().to_df(library).shape == (0, 0)


@pytest.mark.extra("pandas")
async def test_objects_and_the_query_give_the_same_frame(database: Database) -> None:
    await Sample.insert_all([FULL, {"name": "empty"}])
    direct = await Sample.order("id").to_df("pandas")
    assert (await Sample.order("id")).to_df("pandas").equals(direct)


@pytest.mark.extra("pandas")
async def test_hidden_fields_come_only_when_asked_for(database: Database) -> None:
    await Sample.create(name="a")
    assert "secret" not in (await Sample.where().to_df("pandas")).columns
    assert "secret" in (await Sample.where().to_df("pandas", hidden=True)).columns
    assert "secret" in (await Sample.where()).to_df("pandas", hidden=True).columns
    only = await Sample.where().only("name", "secret").to_df("pandas")
    assert list(only.columns) == ["id", "name", "secret"]


@pytest.mark.extra("pandas")
async def test_groups_and_chosen_values_become_frames(database: Database) -> None:
    await Sample.insert_all([{"name": "a", "count": 1}, {"name": "a"}, {"name": "b"}])
    made = await Sample.group("name").annotate(rows=func.count()).order("name").to_df("pandas")
    assert made.to_dict("list") == {"name": ["a", "b"], "rows": [2, 1]}
    none = await Sample.where(name="none").select("name", "count").to_df("pandas")
    assert [str(kind) for kind in none.dtypes][1] == "Int64"
    sums = await Sample.group("name").annotate(total=func.sum(Sample.count)).order("name").to_df()
    assert sums["total"].isna().tolist() == [False, True]


def test_values_that_break_their_columns_promise_become_objects() -> None:
    kinds: list[Any] = ["integer", "boolean", "string", "decimal", "aware", "date", "category"]
    columns = [Described(kind, kind, choices=("a",)) for kind in kinds]
    odd = (2**70, "yes", 3, Decimal("NaN"), 5, "today", "zzz")
    for library in available():
        made = frame(columns, [odd, (None,) * len(odd)], library)
        first = made.iloc[0].tolist() if library == "pandas" else list(made.row(0))
        assert first[:3] == [2**70, "yes", 3]
        assert first[3].is_nan()
        assert first[4:] == [5, "today", "zzz"]
    aware = Described("x", "aware")
    mixed = [(datetime(2020, 1, 1),), (datetime(2020, 1, 1, tzinfo=UTC),)]
    early = [(datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))),)]
    wide = [(Decimal(10) ** 37,), (Decimal("1E-30"),)]
    for library in available():
        for column, rows in ((aware, mixed), (aware, early), (Described("x", "decimal"), wide)):
            assert len(frame([column], rows, library)) == len(rows)


def test_the_library_is_the_one_asked_for_imported_or_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    there = {"pandas", "polars"}
    monkeypatch.setattr(frames, "_installed", there.__contains__)
    monkeypatch.delitem(sys.modules, "pandas", raising=False)
    monkeypatch.delitem(sys.modules, "polars", raising=False)
    assert frames.library_named(None) == "pandas"
    assert frames.library_named("polars") == "polars"
    monkeypatch.setitem(sys.modules, "polars", sys)
    assert frames.library_named(None) == "polars"
    monkeypatch.delitem(sys.modules, "polars")
    there.clear()
    with pytest.raises(ConfigurationError, match=r'"mizzen-orm\[pandas\]"` or .*\[polars\]'):
        frames.library_named(None)
    with pytest.raises(ConfigurationError, match=r'pip install "mizzen-orm\[polars\]"'):
        frames.library_named("polars")
    with pytest.raises(ConfigurationError, match='known are "pandas" and "polars"'):
        frames.library_named("dask")


async def test_a_missing_library_is_said_before_anything_is_read(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frames, "library_named", refused)
    with pytest.raises(ConfigurationError):
        await Sample.where().to_df()
    with pytest.raises(UnknownName, match="no column 'nothing'"):
        from mizzen.orm._data.columns import columns_of

        columns_of(Sample, ["nothing"])


def refused(_library: str | None) -> str:
    raise ConfigurationError("not here")


def available() -> list[str]:
    return [name for name in frames.LIBRARIES if find_spec(name) is not None]

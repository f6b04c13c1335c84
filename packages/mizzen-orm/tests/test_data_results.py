"""Results: the list that a query returns, and what a notebook shows of it."""

from __future__ import annotations

import copy
import pickle

import pytest

from mizzen.orm import Database, Field, Model, Results
from mizzen.orm.testing import scratch_models

MODELS = scratch_models()

with MODELS:

    class Pearl(Model):
        name: str
        weight: float | None = None
        secret: str = Field(default="hidden", repr=False)
        photo: bytes = b""


async def test_a_query_returns_a_real_list() -> None:
    with MODELS:
        async with Database() as database:
            await database.create_all()
            await Pearl.insert_all([{"name": f"p{number}"} for number in range(5)])
            found = await Pearl.order("id")
            assert isinstance(found, Results)
            assert isinstance(found, list)
            assert found == list(found)
            assert [pearl.name for pearl in found[1:3]] == ["p1", "p2"]
            assert isinstance(found[1:3], Results)
            assert isinstance(found[::-1], Results)
            assert found[-1].name == "p4"
            assert found[:0].model is Pearl
            empty = await Pearl.where(name="none")
            assert empty == []
            assert isinstance(empty, Results)


async def test_it_is_copied_and_pickled() -> None:
    with MODELS:
        found = Results([Pearl(name="a"), Pearl(name="b")])
        assert found.model is Pearl
        for twin in (copy.copy(found), found.copy(), found[:]):
            assert isinstance(twin, Results)
            assert twin == found
        back: Results[Pearl] = pickle.loads(pickle.dumps(found))
        assert type(back) is Results
        assert [pearl.name for pearl in back] == ["a", "b"]
        assert pickle.loads(pickle.dumps(Results([], Pearl))).model is Pearl
        found.append(Pearl(name="c"))
        found.sort(key=lambda pearl: pearl.name, reverse=True)
        assert [pearl.name for pearl in found] == ["c", "b", "a"]


def test_a_table_shows_twenty_rows_and_says_how_many_more() -> None:
    with MODELS:
        many = Results([Pearl(name=f"p{number}") for number in range(1234)])
        shown = many._repr_html_()  # pyright: ignore[reportPrivateUsage]
        assert shown.count("<tr>") == 21
        assert "Pearl: 1,234 rows, the first 20 shown, 1,214 more" in shown
        one = Results(many[:1])._repr_html_()  # pyright: ignore[reportPrivateUsage]
        assert "Pearl: 1 row<" in one
        none = Results[Pearl]([], Pearl)._repr_html_()  # pyright: ignore[reportPrivateUsage]
        assert "Pearl: no rows" in none
        assert "weight" in none
        assert Results[Pearl]()._repr_html_() == "<p>no rows</p>"  # pyright: ignore[reportPrivateUsage]


def test_values_are_escaped_shortened_and_never_secret() -> None:
    with MODELS:
        rows = Results([Pearl(name="<script>" + "x" * 5000, photo=b"abc", secret="s3cret")])
        shown = rows._repr_html_()  # pyright: ignore[reportPrivateUsage]
        assert "<script>" not in shown
        assert "&lt;script&gt;xxx" in shown
        assert "x…" in shown
        assert len(shown) < 2000
        assert "secret" not in shown
        assert "s3cret" not in shown
        assert "3 bytes" in shown
        assert ">None<" in shown


async def test_what_was_not_loaded_is_a_dash() -> None:
    with MODELS:
        async with Database() as database:
            await database.create_all()
            await Pearl.create(name="a", weight=2.5)
            some = await Pearl.where().only("name")
            shown = some._repr_html_()  # pyright: ignore[reportPrivateUsage]
            assert "not loaded" in shown
            assert "2.5" not in shown


@pytest.mark.parametrize("names", [["id"], ["id", "name"]])
def test_a_slice_of_a_slice_keeps_its_model(names: list[str]) -> None:
    with MODELS:
        rows = Results([Pearl(name=name) for name in names])
        assert rows[:1][5:].model is Pearl

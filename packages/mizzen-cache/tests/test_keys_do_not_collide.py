from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import combinations
from typing import Any, cast
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mizzen.cache import Uncacheable
from mizzen.cache._keys import fill, from_arguments, stored_name


class Colour(enum.Enum):
    RED = "red"


@dataclass
class Point:
    x: int


@dataclass
class Dot:
    x: int


def function() -> None: ...


def other() -> None: ...


ALIKE: list[Any] = [
    *(1, True, "1", 1.0, b"1", "True", None, "None", Decimal(1), 0, False, "", b""),
    *([1], (1,), {1}, frozenset({1}), [True], ["1"], [[1]], [1, 1], (), [], {}, set[int]()),
    *(["a", "b"], ["a,b"], ["a", ["b"]], {"a": "b"}, {"a": {"b": "c"}}, {"a=b": ""}, {1: 2}),
    *(UUID(int=1), str(UUID(int=1)), date(2026, 1, 1), "2026-01-01", datetime(2026, 1, 1)),
    *(Colour.RED, "RED", "red", Point(1), Dot(1), {"x": 1}),
]


def test_arguments_that_look_alike_have_different_keys() -> None:
    keys = {from_arguments(function, {"value": value}) for value in ALIKE}
    assert len(keys) == len(ALIKE)


def test_functions_and_names_count() -> None:
    assert from_arguments(function, {"a": 1}) != from_arguments(other, {"a": 1})
    assert from_arguments(function, {"a": 1}) != from_arguments(function, {"b": 1})


def test_the_order_of_dicts_and_sets_does_not_count() -> None:
    one, two = {"a": 1, "b": {"x", "y", "z"}}, {"b": {"z", "y", "x"}, "a": 1}
    assert from_arguments(function, {"v": one}) == from_arguments(function, {"v": two})


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    max_leaves=6,
)


@given(_values, _values)
def test_only_equal_arguments_of_equal_types_share_a_key(one: Any, two: Any) -> None:
    def typed(value: Any) -> str:
        kind = cast("type[object]", type(value))
        if kind is dict:
            return f"dict{sorted((k, typed(v)) for k, v in value.items())}"
        if kind in (list, tuple):
            return f"{kind}{[typed(item) for item in value]}"
        return f"{kind}{value!r}"

    same = from_arguments(function, {"v": one}) == from_arguments(function, {"v": two})
    assert same == (typed(one) == typed(two))


def test_an_argument_without_a_stable_form_is_refused() -> None:
    for value in (object(), function, Point, [object()]):
        with pytest.raises(Uncacheable, match="key="):
            from_arguments(function, {"value": value})


def test_a_separator_inside_a_value_does_not_move_the_border() -> None:
    one = fill("{a}:{b}", {"a": "a:b", "b": "c"})
    two = fill("{a}:{b}", {"a": "a", "b": "b:c"})
    assert one != two
    assert fill("{a}:{b}", {"a": "a%3Ab", "b": "c"}) != one


@pytest.mark.parametrize(
    ("template", "values", "key"),
    [
        ("user:{id}", {"id": 7}, "user:7"),
        ("{p.x}", {"p": Point(3)}, "3"),
        ("{row[id]}", {"row": {"id": "x"}}, "x"),
        ("{c}", {"c": Colour.RED}, "RED"),
        ("plain", {}, "plain"),
        ("{{}}{id}", {"id": None}, "{}None"),
    ],
)
def test_a_template_is_filled(template: str, values: dict[str, Any], key: str) -> None:
    assert fill(template, values) == key


@pytest.mark.parametrize("value", [object(), Point(1), [1], {}])
def test_a_template_takes_no_value_without_a_plain_text(value: Any) -> None:
    with pytest.raises(Uncacheable, match="plain attributes"):
        fill("{v}", {"v": value})


def test_stored_names_are_short_printable_and_different() -> None:
    keys = ["a", "a" * 200, "a" * 201, "a" * 202, "", "~", "é", "\n", "\ud800", "~" + "0" * 40]
    names = [stored_name(key) for key in keys]
    assert all(name.isascii() and name.isprintable() and 0 < len(name) <= 200 for name in names)
    assert all(one != two for one, two in combinations(names, 2))

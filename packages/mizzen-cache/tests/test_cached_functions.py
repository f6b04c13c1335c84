from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from mizzen.cache import Cache, Uncacheable


@dataclass
class User:
    id: int
    name: str


class Calls(list[Any]):
    """What the function under test was called with."""


async def test_a_result_is_kept_and_read_as_what_the_function_returns(cache: Cache) -> None:
    calls = Calls()

    @cache.cached(ttl="5m", key="user:{id}", tags=["user:{id}", "users"])
    async def user(id: int, name: str = "ann") -> User:
        """Find a user."""
        calls.append(id)
        return User(id, name)

    assert await user(1) == await user(1) == await user(id=1) == User(1, "ann")
    assert calls == [1]
    assert user.key_for(1) == "user:1"
    assert await cache.get("user:1", type=User) == User(1, "ann")
    assert await user.invalidate(1)
    await user(1)
    await cache.invalidate_tags("user:1")
    await user(1)
    await cache.invalidate_tags("users")
    await user.refresh(1)
    await user.refresh(1)
    assert calls == [1] * 5
    assert user.__doc__ == "Find a user."
    assert "user(id: 'int'" in repr(user)


async def test_without_a_key_arguments_tell_calls_apart(cache: Cache) -> None:
    calls = Calls()

    @cache.cached()
    async def twice(value: Any, *more: Any, **named: Any) -> Any:
        calls.append(value)
        return [value, list(more), named]

    for _ in range(2):
        assert await twice(1) == [1, [], {}]
        assert await twice("1") == ["1", [], {}]
        assert await twice(True) == [True, [], {}]
        assert await twice(1, 2) == [1, [2], {}]
        assert await twice(1, x=[2]) == [1, [], {"x": [2]}]
    assert calls == [1, "1", True, 1, 1]


async def test_running_the_cell_again_replaces_the_function(cache: Cache) -> None:
    for answer in (1, 2):

        @cache.cached(key="same")
        async def function(answer: int = answer) -> int:
            return answer

    assert await function.refresh() == 2


async def test_a_method_is_cached_by_what_its_key_names(cache: Cache) -> None:
    class Repository:
        def __init__(self, name: str) -> None:
            self.name, self.calls = name, 0

        @cache.cached(key="{self.name}:{id}")
        async def find(self, id: int) -> int:
            self.calls += 1
            return id

    one, two = Repository("one"), Repository("two")
    assert [await one.find(1), await one.find(1), await two.find(1)] == [1, 1, 1]
    assert (one.calls, two.calls) == (1, 1)


async def test_a_result_that_is_none_is_kept(cache: Cache) -> None:
    calls = Calls()

    @cache.cached()
    async def nothing() -> None:
        calls.append(1)

    await nothing()
    await nothing()
    assert calls == [1]


async def test_a_plain_function_is_refused(cache: Cache) -> None:
    with pytest.raises(Uncacheable, match="not an async function"):

        @cache.cached()  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        def plain() -> int:
            return 1


async def test_annotations_that_cannot_be_resolved_are_said_not_guessed(cache: Cache) -> None:
    @dataclass
    class Local:
        x: int

    @cache.cached()
    async def guess() -> Local:
        return Local(1)

    @cache.cached(type=Local)
    async def said() -> Local:
        return Local(1)

    assert await said() == await said() == Local(1)
    if not cache.keeps_objects:
        with pytest.raises(Uncacheable, match="type="):
            await guess()

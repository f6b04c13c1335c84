from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from mizzen.cache import MISS, Cache, Uncacheable

if TYPE_CHECKING:
    from mizzen.cache.testing import FrozenClock


@dataclass
class User:
    id: int
    name: str


async def test_a_value_comes_back(cache: Cache) -> None:
    await cache.set("k", {"a": [1, 2.5, "é", None, True], "b": b"\x00"})
    for _ in range(3):
        assert await cache.get("k") == {"a": [1, 2.5, "é", None, True], "b": b"\x00"}


async def test_what_is_not_there_is_the_default(cache: Cache) -> None:
    assert await cache.get("k") is None
    assert await cache.get("k", 7) == 7
    assert await cache.get("k", MISS) is MISS


async def test_none_can_be_cached(cache: Cache) -> None:
    await cache.set("k", None)
    assert await cache.get("k", MISS) is None


async def test_miss_cannot_be_cached(cache: Cache) -> None:
    with pytest.raises(Uncacheable, match="MISS"):
        await cache.set("k", MISS)


async def test_a_dataclass_comes_back_as_one(cache: Cache) -> None:
    await cache.set("u", User(1, "ann"))
    for _ in range(3):
        assert await cache.get("u", type=User) == User(1, "ann")


async def test_a_value_of_another_type_is_a_miss_and_counted(cache: Cache) -> None:
    await cache.set("u", {"id": "not a number"})
    assert await cache.get("u", MISS, type=User) is MISS
    assert cache.stats()["corrupt_total"] == 1
    assert await cache.get("u") == {"id": "not a number"}


async def test_an_entry_is_gone_after_its_ttl(cache: Cache, clock: FrozenClock) -> None:
    await cache.set("k", 1, ttl="10s")
    assert await cache.get("k") == 1
    clock.move(9)
    assert await cache.get("k") == 1
    clock.move(1.5)
    assert await cache.get("k") is None


@pytest.mark.parametrize("ttl", [0, -1, timedelta(0), "0s"])
async def test_a_ttl_of_nothing_removes(cache: Cache, ttl: float | timedelta | str) -> None:
    await cache.set("k", 1)
    await cache.set("k", 2, ttl=ttl)
    assert await cache.get("k") is None


@pytest.mark.parametrize("ttl", [1e30, float("inf"), timedelta.max])
async def test_a_huge_ttl_is_forever(cache: Cache, ttl: float | timedelta) -> None:
    await cache.set("k", 1, ttl=ttl)
    assert await cache.get("k") == 1


async def test_the_cache_has_a_ttl_of_its_own(clock: FrozenClock) -> None:
    async with Cache(ttl="10s", clock=clock) as cache:
        await cache.set("k", 1)
        await cache.set("longer", 1, ttl="1m")
        clock.move(11)
        assert await cache.get_many(["k", "longer"]) == {"longer": 1}


async def test_touch_gives_a_new_ttl(cache: Cache, clock: FrozenClock) -> None:
    await cache.set("k", 1, ttl="10s")
    await cache.get("k")
    assert await cache.touch("k", "1m")
    clock.move(30)
    assert await cache.get("k") == 1
    assert await cache.touch("k", 5)
    clock.move(6)
    assert await cache.get("k") is None
    assert not await cache.touch("k", "1m")


async def test_add_does_not_replace(cache: Cache) -> None:
    assert await cache.add("k", 1)
    assert not await cache.add("k", 2)
    assert await cache.get("k") == 1


async def test_add_replaces_what_is_outdated(cache: Cache, clock: FrozenClock) -> None:
    await cache.set("tagged", 1, tags=["t"])
    await cache.set("expiring", 1, ttl=5)
    await cache.invalidate_tags("t")
    clock.move(6)
    assert await cache.add("tagged", 2)
    assert await cache.add("expiring", 2)
    assert await cache.get_many(["tagged", "expiring"]) == {"tagged": 2, "expiring": 2}


async def test_delete_says_whether_there_was_something(cache: Cache) -> None:
    await cache.set("k", 1)
    assert await cache.delete("k")
    assert not await cache.delete("k")
    assert await cache.get("k") is None


async def test_many_at_once(cache: Cache) -> None:
    await cache.set_many({f"k{n}": n for n in range(50)}, tags=["some"])
    assert await cache.get_many(["k1", "none", "k7"]) == {"k1": 1, "k7": 7}
    assert await cache.delete_many(["k1", "none", "k7"]) == 2
    assert await cache.get_many(["k1", "k2"]) == {"k2": 2}
    await cache.set_many({})
    assert await cache.get_many([]) == {}


async def test_tags_and_clear(cache: Cache) -> None:
    await cache.set("a", 1, tags=["x", "y"])
    await cache.set("b", 2, tags=["y"])
    await cache.set("c", 3)
    await cache.invalidate_tags("x")
    assert await cache.get_many("abc") == {"b": 2, "c": 3}
    await cache.clear()
    assert await cache.get_many("abc") == {}
    await cache.set("a", 4, tags=["x"])
    assert await cache.get("a") == 4


async def test_keys_of_every_kind_stay_apart(cache: Cache) -> None:
    keys = ["", " ", "a b", "é", "\ud800", "~", "~x", "x" * 300, "x" * 301, "\n", "\x00", "a\x00"]
    await cache.set_many({key: at for at, key in enumerate(keys)})
    assert await cache.get_many(keys) == {key: at for at, key in enumerate(keys)}


async def test_a_key_must_be_text(cache: Cache) -> None:
    for wrong in (1, b"k", None, ("a",)):
        with pytest.raises(Uncacheable, match="key is a str"):
            await cache.set(wrong, 1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    with pytest.raises(Uncacheable, match="tags is a list"):
        await cache.set("k", 1, tags="t")


async def test_a_value_without_a_stored_form_is_refused_where_it_must_be_stored(
    cache: Cache,
) -> None:
    thing = object()
    if cache.keeps_objects:
        await cache.set("k", thing)
        assert await cache.get("k") is thing
    else:
        with pytest.raises(Uncacheable, match="object cannot be encoded"):
            await cache.set("k", thing)


async def test_only_memory_alone_keeps_the_very_object(cache: Cache) -> None:
    value = [1]
    await cache.set("k", value)
    value.append(2)
    assert await cache.get("k") == ([1, 2] if cache.keeps_objects else [1])


async def test_memory_is_bounded_by_entries() -> None:
    async with Cache("memory:?max_entries=10") as cache:
        for n in range(100):
            await cache.set(f"k{n}", n)
        assert cache.stats()["memory_entries"] == 10
        assert await cache.get("k99") == 99

"""The public API as users write it; checked by pyright and mypy, never run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, assert_type

from mizzen.cache import MISS, Cache, Cached


@dataclass
class User:
    id: int


async def load() -> User:
    return User(1)


async def use(cache: Cache) -> None:
    assert_type(await cache.get("k"), Any)
    assert_type(await cache.get("k", type=User), User | None)
    assert_type(await cache.get("k", 0, type=User), User | int)
    assert_type(await cache.get("k", type=list[User]), list[User] | None)
    if (value := await cache.get("k", MISS, type=User)) is not MISS:
        assert_type(value, User)
    assert_type(await cache.fetch("k", load, type=User), User)
    assert_type(await cache.fetch("k", lambda: 5, ttl="5m"), int)
    assert_type(await cache.add("k", 1), bool)
    assert_type(await cache.get_many(["k"]), dict[str, Any])

    @cache.cached(ttl="5m", key="user:{id}", tags=["user:{id}"])
    async def user(id: int) -> User:
        return User(id)

    assert_type(await user(1), User)
    assert_type(await user.refresh(id=1), User)
    assert_type(await user.invalidate(1), bool)
    assert_type(user.key_for(1), str)
    kept: Cached[[int], User] = user
    await kept(1)
    await user("1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

"""The login that `mizzen demo` prints works, whatever became of its note."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import pytest

from mizzen.auth import Auth, Session
from mizzen_gists.command import demo_login

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def auth() -> AsyncIterator[Auth]:
    async with Auth("memory:") as started:
        yield started


async def works(auth: Auth, password: str) -> bool:
    return isinstance(await auth.login("demo", password), Session)


async def test_it_stays_the_same(auth: Auth, tmp_path: Path) -> None:
    password = await demo_login(auth, tmp_path / "note.json")
    assert await demo_login(auth, tmp_path / "note.json") == password
    assert await works(auth, password)
    assert os.listdir(tmp_path) == ["note.json"]


async def test_noted_and_killed_before_there_is_a_user_it_is_taken_up(
    auth: Auth, tmp_path: Path
) -> None:
    async with Auth("memory:") as killed:
        password = await demo_login(killed, tmp_path / "note.json")
    assert await demo_login(auth, tmp_path / "note.json") == password
    assert await works(auth, password)


@pytest.mark.parametrize("left", [None, b"", b"\xff", b"null", b"{}"])
async def test_a_lost_or_spoilt_note_leads_to_another_password(
    left: bytes | None, auth: Auth, tmp_path: Path
) -> None:
    note = tmp_path / "note.json"
    lost = await demo_login(auth, note)
    note.unlink()
    if left is not None:
        note.write_bytes(left)
    password = await demo_login(auth, note)
    assert password != lost
    assert await works(auth, password)
    assert await demo_login(auth, note) == password


async def test_two_that_make_it_at_once_agree(auth: Auth, tmp_path: Path) -> None:
    made = await asyncio.gather(*(demo_login(auth, tmp_path / "note.json") for _ in range(4)))
    assert len(set(made)) == 1
    assert await works(auth, made[0])

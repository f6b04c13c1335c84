"""One URL in the configuration moves everything to PostgreSQL."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from mizzen.app import App
from mizzen.app.cli import main
from mizzen.orm import Model

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.extra("psycopg")


class Crate(Model):
    item: str


async def test_tables_jobs_and_users_share_the_database_and_a_transaction(
    postgres_url: str, tmp_path: Path
) -> None:
    (tmp_path / "shop.toml").write_text(f'[db]\nurl = "{postgres_url}"\n[queue]\n[auth]\n')
    app = App("shop", config=tmp_path / "shop.toml")
    db, queue, auth = app.db, app.queue, app.auth

    @queue.job
    async def count(item: str) -> int:
        return await Crate.where(item=item).count()

    async with app:
        await db.create_all()
        async with db.transaction() as session:
            await Crate.create(item="tea")
            job = await count("tea").enqueue(tx=session)
        assert await job.result(timeout=10) == 1
        await auth.register(email="ann@example.com", username="ann", password="correct staple")
        assert (await app.health())["ok"] is True
    shown = " ".join(repr(part) for part in (db, queue, auth))
    assert "***" in shown
    assert os.listdir(tmp_path) == ["shop.toml"]  # no SQLite file beside it


def test_the_command_line_migrates_what_the_environment_names(
    postgres_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setenv("SHOP_DB__URL", postgres_url)
    (tmp_path / "pg_shop.py").write_text(
        'from mizzen.app import App\napp = App("shop", config="shop.toml")\n'
    )
    (tmp_path / "shop.toml").write_text('[db]\nurl = "memory:"\nmigrations = "migrations"\n')
    for words in (["make", "crates"], ["up"], ["status"]):
        assert main(["db", "pg_shop", *words]) == 0, capsys.readouterr().err
    assert first_words(capsys.readouterr().out) == ["made", "applied", "applied"]


def first_words(text: str) -> list[str]:
    """Return the first word of each line."""
    return [line.split()[0] for line in text.splitlines()]

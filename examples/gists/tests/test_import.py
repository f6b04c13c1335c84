"""The import of the standard library: every file once, whatever happens in between."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from mizzen.queue import GiveUp
from mizzen_gists import stdlib_sources
from mizzen_gists.application import build
from mizzen_gists.importing import Importer
from mizzen_gists.models import File, Gist

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from mizzen.app import App


async def finished(app: App) -> None:
    """Wait until the import is done: each published progress is a reason to look again."""
    importer = app.get(Importer)
    async with app.cable.test() as tester:
        client = await tester.connect()
        await client.join("import")
        async with asyncio.timeout(30):
            while (await importer.progress()).running:
                await client.receive()


async def test_every_source_becomes_one_gist_with_its_text(
    app: App, few_sources: list[str]
) -> None:
    async with app:
        await finished(app)
        gists = await Gist.where(source__isnull=False).all()
        assert sorted(gist.title for gist in gists) == few_sources
        for gist in gists:
            file = await File.where(gist_id=gist.id).one()
            assert file.content == stdlib_sources.read_source(gist.title)
            assert gist.owner == "python"


async def test_a_second_start_imports_nothing_again(
    app: App, tmp_path: Path, few_sources: list[str]
) -> None:
    async with app:
        await finished(app)
    async with build(tmp_path) as again:
        progress = await again.get(Importer).progress()
        assert (progress.done, progress.total, progress.running) == (3, 3, False)
        assert (await again.queue.counts(queue="import"))["queued"] == 0


async def test_progress_reaches_an_open_browser(app: App) -> None:
    async with app:
        async with app.cable.test() as tester:
            client = await tester.connect()
            await client.join("import")
            async with asyncio.timeout(30):
                while True:
                    received = await client.receive()
                    assert received.event == "progress"
                    assert 0 <= received.payload["done"] <= received.payload["total"] == 3
                    if not received.payload["running"]:
                        break
        assert received.payload["failed"] == 0


def test_the_default_is_a_few_hundred_files_and_everything_is_more() -> None:
    few, everything = stdlib_sources.source_paths(), stdlib_sources.source_paths(everything=True)
    assert 200 < len(few) < 900
    assert set(few) < set(everything)


def test_a_file_with_a_strange_encoding_is_read_all_the_same(
    tmp_path: Path, monkeypatch: object
) -> None:
    from unittest.mock import patch

    (tmp_path / "odd.py").write_bytes(b"# coding: latin-1\nx = '\xe9'\r\n\x00")
    (tmp_path / "lie.py").write_bytes(b"# coding: no-such-thing\nx = '\xe9'\n")
    with patch.object(stdlib_sources, "folder", lambda: tmp_path):
        assert stdlib_sources.read_source("odd.py") == "# coding: latin-1\nx = 'é'\n\ufffd"
        assert stdlib_sources.read_source("lie.py").endswith("x = '\ufffd'\n")


async def test_a_source_that_could_not_be_imported_is_tried_again_at_the_next_start(
    app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: str) -> str:
        raise GiveUp("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(stdlib_sources, "read_source", refuse)
        async with app:
            await finished(app)
            progress = await app.get(Importer).progress()
            assert (progress.done, progress.failed) == (0, 3)
    async with build(tmp_path) as again:
        await finished(again)
        progress = await again.get(Importer).progress()
        assert (progress.done, progress.failed) == (3, 0)


async def test_progress_that_cannot_be_published_is_seen_in_health_and_recovers(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = asyncio.Event()

    async def refuse(topic: str, event: str, payload: object) -> None:
        failed.set()
        raise OSError("the broker is away")

    with monkeypatch.context() as broken:
        broken.setattr(app.cable, "publish", refuse)
        await app.start()
        await failed.wait()
        health = await app.get(Importer).health()
        assert health == {"ok": False, "detail": {"publishing": "the broker is away"}}
    async with app, app.cable.test() as tester:
        client = await tester.connect()
        await client.join("import")
        assert (await client.receive()).event == "progress"
        assert await app.get(Importer).health() == {"ok": True, "detail": {"publishing": "ok"}}

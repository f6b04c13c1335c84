"""Data lies in memory where there is room for it, and elsewhere otherwise."""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING

import pytest

from mizzen.testing import _folder
from mizzen.testing._folder import make_folder, remove_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def memory(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    memory = tmp_path_factory.mktemp("memory")
    monkeypatch.setattr(_folder, "MEMORY", str(memory))
    monkeypatch.setattr(_folder, "ROOM", 1)
    monkeypatch.delenv("TMPDIR", raising=False)
    return memory


@pytest.fixture
def made() -> Iterator[list[Path]]:
    folders: list[Path] = []
    yield folders
    for folder in folders:
        remove_folder(folder)


def test_data_lies_in_memory_and_programs_do_not(memory: Path, made: list[Path]) -> None:
    made += [make_folder("data", None), make_folder("programs", None, programs=True)]
    assert [folder.parent == memory for folder in made] == [True, False]
    assert {folder.stat().st_mode & 0o777 for folder in made} == {0o700}


def test_where_room_is_scarce_data_lies_on_disk(
    memory: Path, made: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    status = os.statvfs(memory)
    monkeypatch.setattr(_folder, "ROOM", status.f_blocks * status.f_frsize + 1)
    made.append(make_folder("data", None))
    assert made[0].parent != memory


def test_a_chosen_folder_goes_before(
    tmp_path: Path, made: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    made.append(make_folder("data", None))
    assert made[0].parent == tmp_path


def test_no_such_file_system_is_no_error(made: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_folder, "MEMORY", "/no/such/folder")
    made.append(make_folder("data", None))
    assert made[0].exists()

"""Every notebook runs from top to bottom in a fresh kernel."""

from __future__ import annotations

import pathlib
from typing import cast

import nbclient
import nbformat
import pytest

NOTEBOOKS = sorted(pathlib.Path(__file__).parents[2].glob("notebooks/**/*.ipynb"))


@pytest.mark.timeout(180)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs(path: pathlib.Path, tmp_path: pathlib.Path) -> None:
    notebook = cast("nbformat.NotebookNode", nbformat.read(path, as_version=4))  # pyright: ignore[reportUnknownMemberType]
    client = nbclient.NotebookClient(
        notebook,
        timeout=60,
        kernel_name="python3",
        resources={"metadata": {"path": str(tmp_path)}},
    )
    client.execute()
    printed = [
        output.get("text", "")
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output.get("name") == "stderr"
    ]
    assert printed == []


def test_there_are_notebooks() -> None:
    assert NOTEBOOKS

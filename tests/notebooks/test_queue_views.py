"""Views of jobs, in a kernel of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import nbclient
import nbformat
import pytest

if TYPE_CHECKING:
    import pathlib

CELLS = [
    """
import asyncio
from mizzen.queue import Queue, current_job

q = Queue("sqlite:///app.db")

@q.job
async def export(rows: int) -> int:
    for row in range(rows):
        current_job().progress(row + 1, rows, "<b>exporting</b>")
        await asyncio.sleep(0.02)
    return rows

worker = await q.worker().start()
handle = await export(30).enqueue()
""",
    "everything = q.view(every=0.05); everything",
    "one = handle.view(every=0.05); one",
    """
while "exporting" not in everything._widget.children[1].value:
    await asyncio.sleep(0.02)
print(everything._widget.children[1].value)
await one.over()
print(one._widget.children[0].bar_style, one._widget.children[1].value)
""",
    "await (await export(5).enqueue()).follow()",
    """
everything.close()
await worker.aclose()
await q.aclose()
""",
]


@pytest.mark.timeout(120)
def test_views_follow_jobs_while_cells_run(tmp_path: pathlib.Path) -> None:
    v4: Any = nbformat.v4
    notebook = v4.new_notebook(cells=[v4.new_code_cell(cell) for cell in CELLS])
    client = nbclient.NotebookClient(
        notebook, timeout=60, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()
    everything, one, printed, followed = (notebook.cells[n].outputs for n in (1, 2, 3, 4))
    for shown in (everything, one, followed):
        assert "application/vnd.jupyter.widget-view+json" in shown[0]["data"]
    running, ended = "".join(output["text"] for output in printed).split("\nsuccess ")
    assert "<th style='text-align:left'>export 1</th>" in running
    assert "/30 &lt;b&gt;exporting&lt;/b&gt;" in running
    assert "1 of 1 jobs have ended" in ended
    assert followed[-1]["data"]["text/plain"] == "5"

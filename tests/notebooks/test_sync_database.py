"""`db.sync` in a real kernel, whose thread has a running event loop; Ctrl-C is the stop button."""

from __future__ import annotations

import textwrap
from typing import Any, cast

import nbclient
import pytest
from nbformat import v4

CELLS = [
    """
    from mizzen.orm import Database, Field, Model
    class Sailor(Model):
        name: str = Field(unique=True)
    s = Database().sync.start()
    s.create_all()
    """,
    """
    ann = s(Sailor).create(name="ann")
    with s.transaction():
        s(ann).update(name="anna")
    [sailor.name for sailor in s(Sailor)]
    """,
    """
    import asyncio, os, signal, threading
    interrupt = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    try:
        with s.transaction():
            s(Sailor).create(name="bob")
            interrupt.start()
            s.run(asyncio.sleep(60))
    except KeyboardInterrupt:
        print("interrupted with", s(Sailor).count())
    """,
    """
    tx = s.transaction()
    tx.__enter__()
    s(Sailor).create(name="eve")
    """,
    """
    tx.__exit__(None, None, None)
    s(Sailor).count()
    """,
    """
    async def inside():
        return await asyncio.to_thread(s(Sailor).count)
    await inside()
    """,
    "s.close()",
]


def said(cell: Any) -> str:
    outputs = cast("list[dict[str, Any]]", cell.outputs)
    return "".join(
        output.get("text", "") or output.get("data", {}).get("text/plain", "") for output in outputs
    )


@pytest.mark.timeout(120)
def test_a_kernel_uses_the_database_without_await() -> None:
    make: Any = v4
    notebook = make.new_notebook(
        cells=[make.new_code_cell(textwrap.dedent(cell)) for cell in CELLS]
    )
    nbclient.NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    ran = [said(cell) for cell in notebook.cells]
    assert ran[1] == "['anna']"
    assert ran[2] == "interrupted with 1\n"
    assert ran[4] == ran[5] == "2"

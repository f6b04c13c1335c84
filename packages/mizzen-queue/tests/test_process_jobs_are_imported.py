"""Jobs in processes of their own: how the process finds their functions."""

from __future__ import annotations

import asyncio
import importlib
import sys
from typing import TYPE_CHECKING, Any

import pytest

from mizzen.queue import BadJob, JobFailed, Queue

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


SCRIPT = """
import asyncio, os
from dataclasses import dataclass
from mizzen.queue import Queue

q = Queue("sqlite:///app.db")

@dataclass
class Point:
    x: int

@q.job(run="process")
def double(point: Point) -> tuple[str, int, int]:
    return __name__, point.x * 2, os.getpid()

async def main():
    async with q, q.worker():
        name, x, pid = await (await double(Point(4)).enqueue()).result(timeout=20)
        print(name, x, pid != os.getpid())
"""


@pytest.mark.parametrize("command", [["program.py"], ["-m", "program"]])
async def test_a_script_runs_its_own_functions(tmp_path: Path, command: list[str]) -> None:
    guarded = SCRIPT + "if __name__ == '__main__': asyncio.run(main())\n"
    (tmp_path / "program.py").write_text(guarded)
    out = await _output(tmp_path, command)
    assert out.split()[1:] == ["8", "True"], out


async def test_a_script_that_would_run_again_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(SCRIPT + "asyncio.run(main())\n")
    out = await _output(tmp_path, ["program.py"])
    assert 'put the program under `if __name__ == "__main__":`' in out


async def _output(folder: Path, command: list[str]) -> str:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *command),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(30):
        out, _ = await process.communicate()
    return out.decode()


def test_functions_that_no_other_process_could_import_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    q = Queue()

    def inner() -> None: ...

    with pytest.raises(BadJob, match="at the top level of a module"):
        q.job(run="process")(inner)
    with pytest.raises(BadJob, match="at the top level of a module"):
        q.job(run="process", name="nameless")(lambda: None)
    monkeypatch.delattr("__main__.__file__", raising=False)
    monkeypatch.setattr("__main__.__spec__", None)
    inner.__qualname__, inner.__module__ = "cell", "__main__"
    with pytest.raises(BadJob, match="a notebook or a console"):
        q.job(run="process")(inner)


def plain() -> None: ...


async def asynchronous() -> None: ...


@pytest.mark.parametrize(
    ("fn", "run", "message"),
    [
        (plain, "async", "is a plain function"),
        (asynchronous, "thread", "is async"),
        (plain, "fiber", 'write "async", "thread" or "process"'),
    ],
)
def test_a_place_that_does_not_fit_is_refused(
    fn: Callable[..., Any], run: Any, message: str
) -> None:
    with pytest.raises(BadJob, match=message):
        Queue().job(run=run)(fn)


async def test_a_function_that_is_gone_is_dead_at_once(crunch: Any, tmp_path: Path) -> None:
    (tmp_path / "crunch.py").write_text("from mizzen.queue import Queue\n")
    async with crunch.q.worker():
        with pytest.raises(JobFailed, match="crunch has no 'pid'"):
            await (await crunch.pid().enqueue()).result(timeout=20)
    (tmp_path / "crunch.py").unlink()
    async with crunch.q.worker():
        with pytest.raises(JobFailed, match="another process finds no module 'crunch'"):
            await (await crunch.pid().enqueue()).result(timeout=20)
    assert (await crunch.q.counts())["dead"] == 2


async def test_a_module_that_is_loaded_again_brings_its_new_code(
    crunch: Any, tmp_path: Path
) -> None:
    q, file = crunch.q, tmp_path / "changing.py"

    def load(number: int) -> Any:
        file.write_text(
            f"from crunch import q\n@q.job(run='process')\ndef number() -> int: return {number:_}\n"
        )
        sys.modules.pop("changing", None)
        importlib.invalidate_caches()
        return importlib.import_module("changing")

    async with q.worker():
        for number in (1, 20, 300):
            module = load(number)
            assert await (await module.number().enqueue()).result(timeout=20) == number

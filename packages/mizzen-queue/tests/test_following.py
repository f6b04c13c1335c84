# pyright: reportPrivateUsage=false
"""Progress bars: in a terminal, in a file, and as HTML."""

from __future__ import annotations

import asyncio
import importlib.util
import io
from typing import TYPE_CHECKING, Any

import pytest

from mizzen.queue import JobCancelled, JobFailed, Queue, ResultTimeout, Retry, current_job
from mizzen.queue import notebook as module
from mizzen.queue._bars import PlainBar, RichBars, open_bars
from mizzen.queue._following import Following, Line
from mizzen.queue._looks import JobsLook, lines_html
from mizzen.queue._records import Progress

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Terminal(io.StringIO):
    """A file that takes itself for a terminal, 100 columns wide."""

    def isatty(self) -> bool:
        return True


def no_module(name: str) -> None:
    """Look for a module in vain."""


@pytest.fixture
async def working(q: Queue) -> AsyncIterator[Queue]:
    @q.job(retry=Retry(max=1))
    async def export(rows: int) -> int:
        for row in range(rows):
            current_job().progress(row + 1, rows, "ex\x1b[31mport")
            await asyncio.sleep(0.05)
        if rows > 5:
            raise ValueError("too many")
        return rows

    async with q.worker():
        yield q


async def test_a_jobs_bar_in_a_terminal_ends_with_its_result(
    working: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", no_module)
    terminal = Terminal()
    handle = await working.jobs["export"](5).enqueue()
    assert await handle.follow(file=terminal) == 5
    lines = terminal.getvalue().split("\r")
    assert lines[-1].startswith(f"export {handle.id}: 100%|{'█' * 24}| done [")
    assert lines[-1].endswith("\n")
    assert any("/5 ex [31mport" in line for line in lines)
    assert "\x1b" not in terminal.getvalue()


@pytest.mark.extra("rich")
async def test_with_rich_there_is_a_bar_for_each_that_runs(working: Queue) -> None:
    terminal = Terminal()
    assert isinstance(open_bars(terminal), RichBars)
    export = working.jobs["export"]
    handles = await working.enqueue_many([export(n) for n in (4, 5)])
    assert await working.follow(handles, file=terminal) == [4, 5]
    shown = terminal.getvalue()
    assert f"export {handles[0].id}" in shown
    assert "/5 ex [31mport" in shown
    assert "jobs" in shown
    assert "100%" in shown


async def test_a_file_gets_few_lines(working: Queue) -> None:
    file = io.StringIO()
    export = working.jobs["export"]
    handles = await working.enqueue_many([export(n) for n in (1, 2)])
    assert await working.follow(handles, file=file) == [1, 2]
    lines = file.getvalue().splitlines()
    assert 1 <= len(lines) <= 3
    assert lines[-1].startswith("jobs: 100%|")
    assert "2/2" in lines[-1]
    assert await working.follow([], file=file) == []


async def test_failures_are_raised_when_all_have_ended(working: Queue) -> None:
    file = io.StringIO()
    export = working.jobs["export"]
    handles = await working.enqueue_many([export(n) for n in (6, 1, 1)])
    later = await export(1).enqueue(delay="1h")
    await later.cancel()
    with pytest.raises(JobFailed, match="too many"):
        await working.follow([*handles, later], file=file)
    assert "4/4, 2 failed" in file.getvalue()
    with pytest.raises(JobCancelled):
        await working.follow([later], file=file)
    assert [await handle.status() for handle in handles] == ["dead", "done", "done"]


async def test_thousands_are_followed_by_one_bar(q: Queue) -> None:
    @q.job
    async def one() -> None: ...

    handles = await q.enqueue_many([one() for _ in range(2000)])
    terminal = Terminal()
    async with q.worker(), asyncio.timeout(20):
        assert await q.follow(handles, file=terminal) == [None] * 2000
    following = Following(handles)
    await following.look()
    assert following.is_over
    assert repr(following) == "<2,000 of 2,000 jobs have ended>"


async def test_in_a_rehearsal_nothing_is_followed_in_vain(q: Queue) -> None:
    @q.job
    async def one() -> int:
        return 1

    file = io.StringIO()
    with q.testing():
        handle = await one().enqueue()
        with pytest.raises(ResultTimeout, match="drain"):
            await handle.follow(file=file)
        await q.drain()
        assert await handle.follow(file=file) == 1
    assert file.getvalue() == ""


def test_a_bar_is_written_over_the_one_before() -> None:
    terminal = Terminal()
    bar = PlainBar(terminal)
    following = Following([])
    bar.show(following)
    bar.show(following)
    bar.close()
    first, second = terminal.getvalue().split("\r")[1:]
    assert first + "\n" == second


@pytest.mark.parametrize(
    ("line", "words", "fraction"),
    [
        (Line(1, "a", "queued"), "queued", None),
        (Line(1, "a", "running", Progress(1200, 3000, "x")), "1,200/3,000 x", 0.4),
        (Line(1, "a", "running", Progress(3)), "3", None),
        (Line(1, "a", "done", Progress(3)), "done", 1.0),
        (Line(1, "a", "dead", None, "ValueError: no"), "dead: ValueError: no", None),
    ],
)
def test_a_line_says_how_far_a_job_is(line: Line, words: str, fraction: float | None) -> None:
    assert (line.words, line.fraction) == (words, fraction)


def test_what_jobs_say_is_escaped() -> None:
    line = Line(7, "<kind>", "running", Progress(1, 4, "<script>"))
    text = lines_html("running", [line], 9)
    assert "&lt;kind&gt; 7" in text
    assert "1/4 &lt;script&gt;" in text
    assert "value='0.250'" in text
    assert "running (1 of 9)" in text
    assert "<script>" not in text


async def test_a_handle_shows_itself(q: Queue) -> None:
    @q.job(name="<one>")
    async def one() -> None: ...

    handle = await one().enqueue()
    assert "await handle.status()" in handle._repr_html_()
    await handle.status()
    assert "<td>queued</td>" in handle._repr_html_()
    assert "&lt;one&gt;" in handle._repr_html_()
    view = handle.view()
    assert repr(view) == repr(handle)
    assert view._repr_html_() == handle._repr_html_()
    await view.over()
    await q.cancel(handle.id)
    look = await JobsLook(Following([handle]))()
    assert (look.style, look.is_last, "1 failed" in look.html) == ("danger", True, True)


@pytest.mark.extra("ipywidgets")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_in_a_notebook_views_show_what_runs_and_what_failed(
    working: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "in_kernel", lambda: True)

    export = working.jobs["export"]
    handle = await export(5).enqueue()
    one: Any = handle.view(every=0.01)
    all_: Any = working.view(every=0.01)
    for view in (one, all_):
        assert "application/vnd.jupyter.widget-view+json" in view._repr_mimebundle_()
    seen: dict[str, bool] = {}
    async with asyncio.timeout(5):
        while len(seen) < 2:
            for view in (one, all_):
                if "/5 ex" in view._widget.children[1].value:
                    seen[str(id(view))] = True
            await asyncio.sleep(0.01)
        await one.over()
    bar = one._widget.children[0]
    assert (bar.value, bar.max, bar.bar_style) == (1.0, 1.0, "success")
    failing = await export(6).enqueue()
    with pytest.raises(JobFailed):
        await failing.result(timeout=5)
    async with asyncio.timeout(5):
        while "too many" not in all_._widget.children[1].value:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    all_.close()


@pytest.mark.extra("ipywidgets")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_in_a_notebook_following_is_a_view(
    working: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    import IPython.display

    shown: list[Any] = []

    def display(view: Any) -> None:
        view._repr_mimebundle_()
        shown.append(view)

    monkeypatch.setattr(module, "in_kernel", lambda: True)
    monkeypatch.setattr(IPython.display, "display", display)
    export = working.jobs["export"]
    assert await (await export(2).enqueue()).follow() == 2
    assert "1 of 1 jobs have ended" in shown[0]._widget.children[1].value
    assert shown[0]._following is None
    with pytest.raises(JobFailed):
        await working.follow(await working.enqueue_many([export(n) for n in (1, 6)]))
    assert "dead: ValueError: too many" in shown[1]._widget.children[1].value

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from mizzen.queue import BadArguments, BadJob, Queue, QueueError


@dataclass
class Mail:
    to: str
    copies: list[str]


@pytest.fixture
def queue() -> Queue:
    return Queue()


@pytest.mark.parametrize(
    ("args", "kwargs", "message"),
    [
        ((), {}, "Missing required argument 'to'"),
        (("a", 1, 2, 3), {}, "positional"),
        (("a",), {"nonsense": 1}, "nonsense"),
        ((7,), {}, r"Expected `str`, got `int` - at `\$.to`"),
        (("a", float("nan")), {}, "Expected `float`, got `null`"),
        ((object(),), {}, "unsupported"),
        (("\ud800",), {}, "surrogates"),
    ],
)
async def test_a_call_that_does_not_fit_fails_where_it_is_written(
    queue: Queue, args: tuple[Any, ...], kwargs: dict[str, Any], message: str
) -> None:
    @queue.job
    async def send(to: str, weight: float = 1.0) -> None: ...

    with pytest.raises(BadArguments, match=f"send: .*{message}"):
        send(*args, **kwargs)


async def test_arguments_keep_names_positions_and_defaults(q: Queue) -> None:
    @q.job
    async def everything(a: int, /, b: Mail, *, c: str = "c", d: int) -> list[Any]:
        return [a, b.to, c, d]

    assert everything(1, Mail("x", []), d=4).args == '{"a":1,"b":{"to":"x","copies":[]},"d":4}'
    handle = await everything(1, b=Mail("x", ["y"]), d=4).enqueue()
    async with q.worker():
        assert await handle.result(timeout=5) == [1, "x", "c", 4]


async def test_a_default_is_that_of_the_code_which_runs(q: Queue) -> None:
    @q.job(name="greet")
    async def old(name: str = "old") -> str:
        return name

    handle = await old().enqueue()

    @q.job(name="greet")
    async def new(name: str = "new") -> str:
        return name

    async with q.worker():
        assert await handle.result(timeout=5) == "new"


def test_functions_that_cannot_be_jobs_are_refused(queue: Queue) -> None:
    async def many(*names: str) -> None: ...

    with pytest.raises(BadJob, match=r"takes \*names.*list each of them"):
        queue.job(many)


def test_an_annotation_that_cannot_be_found_is_explained(queue: Queue) -> None:
    @queue.job
    async def send(to: "Nowhere") -> None: ...  # type: ignore[name-defined]  # noqa: F821, UP037  # pyright: ignore[reportUndefinedVariable, reportUnknownParameterType]

    with pytest.raises(BadJob, match=r"Nowhere.*module level"):
        send("a")  # pyright: ignore[reportUnknownArgumentType]


def test_defining_a_job_again_replaces_it(queue: Queue) -> None:
    @queue.job
    async def send() -> int:
        return 1

    first = queue.jobs["send"]

    @queue.job(name="send")
    async def again() -> int:
        return 2

    assert queue.jobs["send"] is not first
    assert list(queue.jobs) == ["send"]


def test_two_modules_cannot_share_a_job_name(queue: Queue) -> None:
    @queue.job
    async def send() -> None: ...

    async def stranger() -> None: ...

    stranger.__module__, stranger.__qualname__ = "elsewhere", "send"
    with pytest.raises(BadJob, match=r"another name with @q.job\(name="):
        queue.job(stranger)


async def test_a_call_belongs_to_its_queue(q: Queue) -> None:
    @Queue().job
    async def send() -> None: ...

    with pytest.raises(QueueError, match="belongs to another queue"):
        await q.enqueue_many([send()])


def test_reprs_tell_what_it_is(queue: Queue) -> None:
    @queue.job
    async def send(to: str) -> None: ...

    assert repr(send) == "<mizzen.queue job 'send' on queue 'default'>"
    assert repr(send("a")) == """<mizzen.queue.Call send {"to":"a"}>"""
    assert len(repr(send("a" * 500))) < 120

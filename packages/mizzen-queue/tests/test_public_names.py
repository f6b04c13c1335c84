from __future__ import annotations

import inspect
import pickle
import subprocess
import sys

import pytest

import mizzen.queue
from mizzen.queue import JobFailed, Queue, QueueError
from mizzen.queue.stores import open_store


def test_all_is_what_is_public() -> None:
    public = {
        name
        for name, value in vars(mizzen.queue).items()
        if not name.startswith("_") and not inspect.ismodule(value)
    }
    assert public == set(mizzen.queue.__all__)
    constants_first = sorted(mizzen.queue.__all__, key=lambda name: (not name.isupper(), name))
    assert mizzen.queue.__all__ == constants_first


@pytest.mark.parametrize("name", mizzen.queue.__all__)
def test_names_show_their_public_path(name: str) -> None:
    assert getattr(mizzen.queue, name).__module__ == "mizzen.queue"


def test_errors_have_one_base_and_survive_pickling() -> None:
    for name in mizzen.queue.__all__:
        value = getattr(mizzen.queue, name)
        if isinstance(value, type) and issubclass(value, Exception):
            assert issubclass(value, QueueError)
            error = pickle.loads(pickle.dumps(value("what happened")))
            assert (type(error), str(error)) == (value, "what happened")
    failed = pickle.loads(pickle.dumps(JobFailed("short", "long")))
    assert (str(failed), failed.traceback) == ("short", "long")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("mongo://x", "must start with one of mariadb, memory, postgresql, sqlite"),
        ("mongo://ann:pw@x", r"ann:\*\*\*@x"),
        ("sqlite:app.db", "sqlite:///app.db"),
        ("sqlite:///", "names no database file"),
    ],
)
def test_a_url_that_names_no_store_is_explained(url: str, message: str) -> None:
    with pytest.raises(QueueError, match=message):
        open_store(url)


def test_a_ready_store_is_accepted() -> None:
    store = open_store("memory:")
    assert Queue(store).store is store


def test_importing_brings_no_heavy_library() -> None:
    code = "import sys, mizzen.queue; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    heavy = {
        "anyio",
        "apscheduler",
        "sqlalchemy",
        "psycopg",
        "ipywidgets",
        "IPython",
        "aiosqlite",
        "pytest",
    }
    assert heavy.isdisjoint(loaded)


def test_the_plugin_gives_a_queue_in_memory(mizzen_queue: Queue) -> None:
    @mizzen_queue.job
    async def one() -> None: ...

    assert list(mizzen_queue.jobs) == ["one"]

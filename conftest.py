"""Every fenced python example in a README or in docs/ runs as a test, with `await` as in a cell."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import importlib.util
import inspect
import os
import pathlib
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING

from sybil import Sybil
from sybil.evaluators.python import pad
from sybil.parsers.markdown import CodeBlockParser, SkipParser

if TYPE_CHECKING:
    import pytest
    from sybil import Example

SERVERS = {
    *("postgres_url", "valkey_url", "nats_url", "mariadb_url"),
    *("mizzen_postgres", "mizzen_valkey", "mizzen_nats", "mizzen_mariadb"),
}
SLOW = SERVERS | {"tcp_proxy", "worker_process"}
# A test with such a parameter asks for the server, and talks to it through this module.
PARAMETERS = {"postgres": "psycopg", "mariadb": "asyncmy"}


def run_block(example: Example) -> None:
    """Execute one fenced block: as a file of tests if it defines any, else as a notebook's cell.

    A cell goes on with what the cells above it made; those that another process was given to test
    are run here first.
    """
    if defines_tests(example):
        run_like_a_test(example)
        return
    done = example.namespace.setdefault("__done__", set[int]())
    for earlier in example.document.examples():
        cell = earlier.region.evaluator is run_block and not defines_tests(earlier)
        if cell and earlier.start <= example.start and earlier.start not in done:
            done.add(earlier.start)
            run_like_a_cell(earlier)


def defines_tests(example: Example) -> bool:
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    tree = ast.parse(example.parsed)
    return any(isinstance(node, functions) and node.name.startswith("test_") for node in tree.body)


def run_like_a_test(example: Example) -> None:
    """Run the block by pytest, in a process and a folder of its own, as its reader would."""
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "test_example.py"
        file.write_text(str(example.parsed))
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", file.name]
        run = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    assert " passed" in run.stdout, run.stdout


def run_like_a_cell(example: Example) -> None:
    """Execute the block; blocks of one document share names and an event loop."""
    source = pad(example.parsed, example.line + example.parsed.line_offset)
    code = compile(source, example.path, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    runner = example.namespace.setdefault("__runner__", asyncio.Runner())
    result = eval(code, example.namespace)
    if inspect.iscoroutine(result):
        runner.run(result)


def enter_empty_folder(namespace: dict[str, object]) -> None:
    """A document starts in a folder of its own, as a new user would."""
    folder = tempfile.TemporaryDirectory(prefix="mizzen-readme-", ignore_cleanup_errors=True)
    namespace["__folder__"], namespace["__back__"] = folder, os.getcwd()
    os.chdir(folder.name)
    namespace["__models__"] = models = contextlib.ExitStack()
    if is_there("mizzen.orm"):
        from mizzen.orm.testing import scratch_models

        models.enter_context(scratch_models())  # a document's models are no other test's


def close_loop(namespace: dict[str, object]) -> None:
    namespace.pop("__done__", None)
    runner = namespace.pop("__runner__", None)
    if isinstance(runner, asyncio.Runner):
        runner.close()
    models = namespace.pop("__models__")
    assert isinstance(models, contextlib.ExitStack)
    models.close()
    os.chdir(str(namespace.pop("__back__")))
    folder = namespace.pop("__folder__")
    assert isinstance(folder, tempfile.TemporaryDirectory)
    folder.cleanup()


pytest_collect_file = Sybil(
    parsers=[CodeBlockParser("python", run_block), SkipParser()],
    patterns=["README.md", "**/README.md", "docs/**/*.md"],
    setup=enter_empty_folder,
    teardown=close_loop,
).pytest()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Know the setting of mizzen-testing's plugin where a package is tested without it."""
    if not is_there("mizzen.testing"):
        parser.addini("mizzen_allowed_skips", type="linelist", help="see mizzen-testing")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what is slow; alone, a package leaves out what its missing siblings and extras give."""
    for item in items:
        if needs_a_server(item):
            item.add_marker("slow")
        if item.path.suffix == ".md":
            item.add_marker("document")
    if os.environ.get("MIZZEN_ALONE"):
        left_out = [item for item in items if not can_run(item)]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def can_run(item: pytest.Item) -> bool:
    if needs_a_server(item) and not is_there("mizzen.testing"):
        return False
    extras = {str(mark.args[0]) for mark in item.iter_markers("extra")}
    return all(is_there(module) for module in extras | clients_of(item))


def needs_a_server(item: pytest.Item) -> bool:
    return bool(SLOW & fixtures_of(item) or clients_of(item))


def clients_of(item: pytest.Item) -> set[str]:
    """Return the modules that speak with the servers which the test's parameters name."""
    parameters = getattr(getattr(item, "callspec", None), "params", {})
    return {
        module
        for value in parameters.values()
        for server, module in PARAMETERS.items()
        if isinstance(value, str) and value.removeprefix("mizzen_").startswith(server)
    }


def fixtures_of(item: pytest.Item) -> set[str]:
    return set(getattr(item, "fixturenames", ()))


def is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # a dotted name whose parent is missing
        return False


def pytest_ignore_collect(collection_path: pathlib.Path) -> bool | None:
    return True if "node_modules" in collection_path.parts else None

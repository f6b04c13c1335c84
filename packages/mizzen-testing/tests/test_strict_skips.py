"""In a strict run a skip is a failure, unless `mizzen_allowed_skips` expects its reason."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[..., dict[str, int]]

pytestmark = pytest.mark.slow

pytest_plugins = ["pytester"]

TESTS = """
import pytest
def test_passes(): pass
@pytest.mark.skip(reason="needs a GPU")
def test_marked(): pass
def test_skips(): pytest.skip("no MariaDB here")
@pytest.mark.xfail(reason="known")
def test_known(): assert False
"""


@pytest.fixture
def run(pytester: pytest.Pytester, own_servers: None) -> Run:
    def run(tests: str, *options: str, allowed: str = "[]") -> dict[str, int]:
        pytester.makepyfile(tests)
        settings = f"[tool.pytest]\nmizzen_allowed_skips = {allowed}\n"
        Path("pyproject.toml").write_text(settings)
        outcome = pytester.runpytest("-p", "no:cacheprovider", *options)
        return outcome.parseoutcomes()

    return run


def test_usually_a_skip_is_a_skip(run: Run) -> None:
    assert run(TESTS) == {"passed": 1, "skipped": 2, "xfailed": 1}


def test_strict_run_fails_each_skip_and_leaves_expected_failures(run: Run) -> None:
    assert run(TESTS, "--mizzen-strict") == {"errors": 1, "failed": 1, "passed": 1, "xfailed": 1}


def test_environment_makes_a_run_strict_too(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIZZEN_TEST_STRICT", "1")
    found = run(TESTS, allowed='["^no MariaDB", "GPU$"]')
    assert found == {"passed": 1, "skipped": 2, "xfailed": 1}


@pytest.mark.extra("xdist")
def test_workers_of_xdist_are_strict_too(run: Run) -> None:
    found = run(TESTS, "--mizzen-strict", "-n1", allowed='["GPU"]')
    assert found == {"failed": 1, "passed": 1, "skipped": 1, "xfailed": 1}


def test_module_that_skips_itself_is_an_error(run: Run) -> None:
    whole = "import pytest\npytest.importorskip('no_such_module')\ndef test_passes(): pass"
    assert run(whole, "--mizzen-strict") == {"errors": 1}

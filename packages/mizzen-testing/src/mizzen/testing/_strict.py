"""In a run that must see everything, a skipped test is a failure, unless its reason is expected."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

R = TypeVar("R", pytest.TestReport, pytest.CollectReport)


class StrictSkips:
    """A pytest plugin that turns skips into failures, those of whole modules too."""

    def __init__(self, allowed: Sequence[str]) -> None:
        self._allowed = [re.compile(pattern) for pattern in allowed]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Look at each test's report."""
        return self._judge((yield))

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(
        self,
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        """Look at each module's report."""
        return self._judge((yield))

    def _judge(self, report: R) -> R:
        expected_failure = hasattr(report, "wasxfail")  # pytest calls that skipped as well
        if report.skipped and not expected_failure:
            reason = reason_of(report)
            if not any(pattern.search(reason) for pattern in self._allowed):
                report.outcome = "failed"
                report.longrepr = (
                    f"{reason}\nIn a strict run this skip is a failure; "
                    "`mizzen_allowed_skips` lists those that are not."
                )
        return report


def reason_of(report: pytest.TestReport | pytest.CollectReport) -> str:
    """Return why something was skipped: the last part of what pytest noted."""
    noted = report.longrepr
    text = str(noted[2]) if isinstance(noted, tuple) else str(noted)
    return text.removeprefix("Skipped: ")

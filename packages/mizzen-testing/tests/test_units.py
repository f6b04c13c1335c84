from __future__ import annotations

from datetime import timedelta

import pytest

from mizzen.testing._units import Duration, Size, seconds, size


@pytest.mark.parametrize(
    ("written", "meant"),
    [(2, 2.0), (0.5, 0.5), ("250ms", 0.25), ("10m", 600.0), (timedelta(minutes=1), 60.0)],
)
def test_durations(written: Duration, meant: float) -> None:
    assert seconds(written) == meant


@pytest.mark.parametrize(("written", "meant"), [(5, 5), ("64MB", 64_000_000), ("1KiB", 1024)])
def test_sizes(written: Size, meant: int) -> None:
    assert size(written) == meant


@pytest.mark.parametrize("wrong", ["10", "ten minutes", "10 parsecs"])
def test_what_has_no_known_unit_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="units"):
        seconds(wrong)

"""The allowance of failures: exact, forgiving in time, bounded in memory."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mizzen.auth import Auth
from mizzen.auth import _limits as limits
from mizzen.auth._limits import Allowance, FailedLogins
from mizzen.auth.testing import FrozenClock


def test_memory_is_bounded_under_many_random_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "REMEMBERED", 100)
    allowance = Allowance(5, 900, FrozenClock())
    for number in range(10_000):
        allowance.charge(f"{number}" * 10)
    assert len(allowance) == 100


@given(gaps=st.lists(st.floats(0, 400), min_size=1, max_size=60))
def test_no_window_ever_holds_more_than_twice_the_allowance(gaps: list[float]) -> None:
    """GCRA lets a full burst pass, and then one per step: never more in any window."""
    clock = FrozenClock()
    allowance = Allowance(5, 900, clock)
    passed: list[float] = []
    for gap in gaps:
        clock.now += gap
        if allowance.wait("ann") == 0:
            allowance.charge("ann")
            passed.append(clock.now)
    for start in passed:
        assert sum(start <= at < start + 900 for at in passed) <= 10


def test_waiting_as_long_as_told_is_enough() -> None:
    clock = FrozenClock()
    failed = FailedLogins(clock, account=3, address=100, window=60)
    assert [failed.attempt("ann", None) for _ in range(3)] == [0, 0, 0]
    wait = failed.attempt("ann", None)
    assert 0 < wait <= 20
    clock.advance(wait + 0.001)
    assert failed.attempt("ann", None) == 0
    assert failed.attempt("ann", None) > 0


def test_refused_attempt_is_not_charged() -> None:
    clock = FrozenClock()
    failed = FailedLogins(clock, account=1, address=100, window=60)
    failed.attempt("ann", None)
    assert failed.attempt("ann", None) == failed.attempt("ann", None)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("not:an:address", "not:an:address", True),
        ("\ud800", "\ud800", True),
    ],
)
def test_one_network_is_one_address(one: str, other: str, same: bool) -> None:
    failed = FailedLogins(FrozenClock(), account=10, address=1, window=60)
    assert failed.attempt("ann", one) == 0
    assert (failed.attempt("bob", other) > 0) == same


async def test_clock_set_back_locks_nobody_in_or_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a clock of its own, the limiter runs on monotonic time."""
    import time

    async with Auth() as auth:
        limiter = auth._limits  # pyright: ignore[reportPrivateUsage]
        assert limiter.accounts._clock is time.monotonic  # pyright: ignore[reportPrivateUsage]

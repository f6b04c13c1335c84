"""When crontab lines and intervals come, by which clocks, and which lines are refused."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pytest

from mizzen.queue import BadSchedule, _times
from mizzen.queue._crontab import parse
from mizzen.queue._times import Cron, Every, Times, last_before

PARIS = ZoneInfo("Europe/Paris")  # 2026: forward on 29 March at 2:00, back on 25 October at 3:00


def instant(text: str, tz: ZoneInfo | None = None) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=tz or UTC).timestamp()


def shown(times: Times, start: str, count: int, tz: ZoneInfo | None = None) -> list[str]:
    """The next times after *start*, as the clocks of *tz* show them."""
    at, seen = instant(start, tz), list[str]()
    for _ in range(count):
        at = times.after(at)
        seen.append(f"{datetime.fromtimestamp(at, tz or UTC):%m-%d %H:%M}")
    return seen


@pytest.mark.parametrize(
    ("line", "times"),
    [
        ("*/20 * * * *", ["05-01 12:20", "05-01 12:40", "05-01 13:00"]),
        ("5-10/5,30 9 * * *", ["05-02 09:05", "05-02 09:10", "05-02 09:30"]),
        ("0 3 * * *", ["05-02 03:00", "05-03 03:00", "05-04 03:00"]),
        ("0 0 * * 0", ["05-03 00:00", "05-10 00:00", "05-17 00:00"]),
        ("0 0 * * 7", ["05-03 00:00", "05-10 00:00", "05-17 00:00"]),
        ("0 0 * * SUN", ["05-03 00:00", "05-10 00:00", "05-17 00:00"]),
        ("0 0 * * 1", ["05-04 00:00", "05-11 00:00", "05-18 00:00"]),
        ("0 0 * * sat-sun", ["05-02 00:00", "05-03 00:00", "05-09 00:00"]),
        ("0 0 * * 5-7", ["05-02 00:00", "05-03 00:00", "05-08 00:00"]),
        ("0 9 * * mon-fri", ["05-04 09:00", "05-05 09:00", "05-06 09:00"]),
        ("0 0 1 jan,Jul *", ["07-01 00:00", "01-01 00:00", "07-01 00:00"]),
        ("0 0 13 * fri", ["05-08 00:00", "05-13 00:00", "05-15 00:00"]),  # either of the two
        ("0 0 */2 * mon", ["05-11 00:00", "05-25 00:00", "06-01 00:00"]),  # both
        ("0 0 30 2 mon", ["02-01 00:00", "02-08 00:00", "02-15 00:00"]),
        ("@hourly", ["05-01 13:00", "05-01 14:00", "05-01 15:00"]),
        ("@daily", ["05-02 00:00", "05-03 00:00", "05-04 00:00"]),
        ("@weekly", ["05-03 00:00", "05-10 00:00", "05-17 00:00"]),
        ("@monthly", ["06-01 00:00", "07-01 00:00", "08-01 00:00"]),
        ("@Yearly", ["01-01 00:00"] * 3),
    ],
)
def test_a_line_is_read_as_cron_reads_it(line: str, times: list[str]) -> None:
    assert shown(Cron(line, "UTC"), "2026-05-01T12:00", 3) == times


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("0 3 * *", "write minute, hour, day of month"),
        ("0 0 3 * * *", "for seconds, every="),
        ("@reboot", "@yearly"),
        ("60 * * * *", "'60' is no minute: it must be 0 to 59"),
        ("0 24 * * *", "'24' is no hour"),
        ("0 0 0 * *", "'0' is no day of month: it must be 1 to 31"),
        ("0 0 * 13 *", "'13' is no month: it must be 1 to 12, or jan to dec"),
        ("0 0 * * 8", "'8' is no day of week: it must be 0 to 7, or sun to sat"),
        ("0 0 * * funday", "'funday' is no day of week"),
        ("0 0 L * *", "'L' is no day of month"),
        ("0 0 * * 1#2", "'1#2' is no day of week"),
        ("*/0 * * * *", "its step must be 1 or more"),
        ("30-10 * * * *", "it runs backwards"),
        ("5/15 * * * *", "write 5-59/15"),
        ("1,,2 * * * *", "'' is no minute"),
        ("-1 * * * *", "'-1' is no minute"),
        ("٣ * * * *", "'٣' is no minute"),
        ("0 0 30 2 *", "never comes"),
        ("0 0 31 4,6,9,11 *", "never comes"),
    ],
)
def test_a_line_that_is_wrong_or_never_comes_is_refused(line: str, message: str) -> None:
    with pytest.raises(BadSchedule) as refused:
        Cron(line, "UTC")
    assert message in str(refused.value)
    assert repr(line) in str(refused.value)


def test_an_impossible_date_is_refused_without_looking_for_it() -> None:
    def cost() -> float:
        start = time.process_time()
        with pytest.raises(BadSchedule, match="never comes"):
            parse("0 0 30 2 *")
        return time.process_time() - start

    assert min(cost() for _ in range(20)) < 0.005


def test_a_day_that_exists_only_by_its_weekday_costs_no_search() -> None:
    cron = Cron("0 0 30 2 mon", "UTC")
    at, costs = instant("2026-05-01T12:00"), list[float]()
    for _ in range(20):
        start = time.process_time()
        at = cron.after(at)
        costs.append(time.process_time() - start)
    assert min(costs) < 0.005


def test_leap_days_come() -> None:
    cron = Cron("0 12 29 2 *", "UTC")
    assert cron.after(instant("2026-01-01")) == instant("2028-02-29T12:00")


@pytest.mark.parametrize("tz", ["Mars/Phobos", "../etc/passwd", "", "Europe"])
def test_an_unknown_time_zone_is_refused(tz: str) -> None:
    with pytest.raises(BadSchedule, match="Europe/Paris"):
        Cron("@daily", tz)


def test_utc_needs_no_database_of_time_zones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_times, "ZoneInfo", missing)
    assert shown(Cron("@daily", "UTC"), "2026-05-01T12:00", 1) == ["05-02 00:00"]
    with pytest.raises(BadSchedule, match="pip install tzdata"):
        Cron("@daily", "Europe/Paris")


def missing(name: str) -> ZoneInfo:
    raise ZoneInfoNotFoundError(name)


def test_a_fixed_time_comes_once_in_the_repeated_hour() -> None:
    cron = Cron("30 2 * * *", "Europe/Paris")
    assert shown(cron, "2026-10-24T12:00", 2, PARIS) == ["10-25 02:30", "10-26 02:30"]
    first = cron.after(instant("2026-10-24T12:00", PARIS))
    assert first == instant("2026-10-25T00:30")  # the first of the two
    assert cron.after(first + 1800) == instant("2026-10-26T01:30")


def test_a_fixed_time_that_is_missing_comes_right_after() -> None:
    cron = Cron("15,30 2 * * *", "Europe/Paris")
    assert shown(cron, "2026-03-28T12:00", 3, PARIS) == [
        "03-29 03:00",
        "03-30 02:15",
        "03-30 02:30",
    ]
    assert cron.after(instant("2026-03-29T00:59:59")) == instant("2026-03-29T01:00")
    at_three = Cron("0 3 * * *", "Europe/Paris")
    assert shown(at_three, "2026-03-28T12:00", 2, PARIS) == ["03-29 03:00", "03-30 03:00"]


def test_lines_for_every_hour_go_by_the_time_that_passes() -> None:
    half = Cron("*/30 * * * *", "Europe/Paris")
    back = ["02:00", "02:30", "02:00", "02:30", "03:00"]
    assert shown(half, "2026-10-25T01:30", 5, PARIS) == [f"10-25 {at}" for at in back]
    forward = ["01:30", "03:00", "03:30"]
    assert shown(half, "2026-03-29T01:00", 3, PARIS) == [f"03-29 {at}" for at in forward]
    for start in ("2026-10-24T20:00", "2026-03-28T20:00"):
        at = instant(start, PARIS)
        for _ in range(24):
            following = half.after(at)
            assert following - at == 1800
            at = following
    other = Cron("0 */2 * * *", "Europe/Paris")
    assert shown(other, "2026-10-25T00:00", 3, PARIS) == [
        "10-25 02:00",
        "10-25 02:00",
        "10-25 04:00",
    ]
    assert shown(other, "2026-03-29T00:00", 2, PARIS) == ["03-29 04:00", "03-29 06:00"]


def test_a_clock_may_be_set_by_half_an_hour_or_by_a_day() -> None:
    howe = ZoneInfo("Australia/Lord_Howe")  # 2026-04-05 2:00 back to 1:30
    fixed = Cron("45 1 * * *", "Australia/Lord_Howe")
    assert shown(fixed, "2026-04-04T12:00", 2, howe) == ["04-05 01:45", "04-06 01:45"]
    real = Cron("15,45 * * * *", "Australia/Lord_Howe")
    seen = ["04-05 01:15", "04-05 01:45", "04-05 01:45", "04-05 02:15"]
    assert shown(real, "2026-04-05T01:00", 4, howe) == seen
    apia = ZoneInfo("Pacific/Apia")  # there was no 30 December 2011
    noon = Cron("0 12 * * *", "Pacific/Apia")
    assert shown(noon, "2011-12-29T11:00", 3, apia) == ["12-29 12:00", "12-31 00:00", "12-31 12:00"]


def test_a_rare_line_meets_the_repeated_hour_months_ahead() -> None:
    rare = Cron("30 * 25 10 *", "Europe/Paris")
    seen = ["10-25 00:30", "10-25 01:30", "10-25 02:30", "10-25 02:30", "10-25 03:30"]
    assert shown(rare, "2026-01-01T00:00", 5, PARIS) == seen


@pytest.mark.parametrize("tz", ["Europe/Paris", "America/New_York", "Asia/Kolkata", "Asia/Gaza"])
@pytest.mark.parametrize("line", ["*/7 * * * *", "0 */3 * * *", "30 2 * * *", "10 0-5 * * 0,3"])
def test_times_only_go_forward_and_don_t_depend_on_where_one_asks(tz: str, line: str) -> None:
    cron = Cron(line, tz)
    at = instant("2026-03-07T00:00")
    for _ in range(400):
        following = cron.after(at)
        assert following > at
        assert cron.after((at + following) / 2) == following
        assert cron.after(following - 0.001) == following
        at = following


def test_intervals_are_counted_from_1970() -> None:
    every = Every("10m")
    assert shown(every, "2026-05-01T12:03", 2) == ["05-01 12:10", "05-01 12:20"]
    assert shown(every, "2026-05-01T12:10", 1) == ["05-01 12:20"]
    assert Every("1.5s").after(1_790_000_001.0) == 1_790_000_002.5
    assert Every("1.5s").after(1_790_000_002.5) == 1_790_000_004.0
    with pytest.raises(BadSchedule, match="a second"):
        Every("900ms")
    with pytest.raises(BadSchedule, match="a second"):
        Every(0)


@pytest.mark.parametrize("line", ["* * * * *", "0 3 * * *", "0 0 1 1 *"])
def test_the_last_one_is_found_without_counting_all(line: str) -> None:
    cron, now = Cron(line, "UTC"), instant("2026-05-01T12:03:30")
    last = last_before(cron, 0.0, now)
    assert last is not None
    assert last <= now < cron.after(last)
    assert last_before(cron, last, now) is None
    assert last_before(cron, last - 1, now) == last

"""Axes are marked at round values and round moments."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from rookery.evaluation.report.axes import DAY_MS, HOUR_MS, number_ticks, tick_digits, time_ticks

JANUARY_24 = round(datetime(2025, 1, 24, tzinfo=UTC).timestamp() * 1000)


def test_ticks_are_round_and_labelled_with_enough_digits():
    assert number_ticks(9_030, 10_210, most=8) == [9_200, 9_400, 9_600, 9_800, 10_000, 10_200]
    ticks = number_ticks(-0.031, 0.012, most=6)
    assert [round(tick, 3) for tick in ticks] == [-0.03, -0.02, -0.01, 0.0, 0.01]
    assert tick_digits(ticks) == 2
    assert number_ticks(5.0, 5.0, most=6) == [5.0]


@given(low=st.floats(-1e9, 1e9), width=st.floats(1e-6, 1e9), most=st.integers(3, 10))
def test_ticks_lie_inside_and_are_few(low: float, width: float, most: int):
    ticks = number_ticks(low, low + width, most=most)
    room = 1e-6 * max(1.0, abs(low), width)
    assert len(ticks) <= most
    assert all(low - room <= tick <= low + width + room for tick in ticks)


def test_hours_days_weeks_and_months_begin_where_the_calendar_says():
    hours = time_ticks(JANUARY_24 - HOUR_MS, JANUARY_24 + HOUR_MS, most=2)
    assert [label for _, label in hours] == ["23:00", "24 Jan", "01:00"]
    days = time_ticks(JANUARY_24 + 1, JANUARY_24 + 4 * DAY_MS, most=5)
    assert [label for _, label in days] == ["25 Jan", "26 Jan", "27 Jan", "28 Jan"]
    weeks = time_ticks(JANUARY_24, JANUARY_24 + 40 * DAY_MS, most=6)
    assert all(datetime.fromtimestamp(at / 1000, UTC).weekday() == 0 for at, _ in weeks)
    months = time_ticks(JANUARY_24, JANUARY_24 + 200 * DAY_MS, most=8)
    assert [label for _, label in months][:2] == ["Feb 2025", "Mar 2025"]
    years = time_ticks(0, 20 * 365 * DAY_MS, most=8)
    assert all(len(label) == 4 for _, label in years)


@given(start=st.integers(0, 2_000_000_000_000), length=st.integers(1_000, 10 * 365 * DAY_MS), most=st.integers(4, 10))
def test_time_ticks_lie_inside_and_are_few(start: int, length: int, most: int):
    ticks = time_ticks(start, start + length, most=most)
    assert all(start <= at <= start + length for at, _ in ticks)
    assert len(ticks) <= most + 1

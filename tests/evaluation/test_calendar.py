"""Cells of the calendar compound to the total, and hold what came about in them."""

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rookery.evaluation.calendar import calendar_section


def ns(*stamps: str) -> np.ndarray:
    return np.array([int(datetime.fromisoformat(one).replace(tzinfo=UTC).timestamp()) * 10**9 for one in stamps])


def test_a_long_span_is_shown_by_year_and_month():
    times = ns("2024-11-30T12:00", "2024-12-31T23:59", "2025-01-01T00:00", "2025-03-31T00:00")
    made = calendar_section(times, np.array([110.0, 99.0, 99.0, 118.8]), start=100.0)
    assert made.kind == "months"
    assert made.columns[0] == "Jan"
    assert [row.name for row in made.rows] == ["2024", "2025"]
    old, new = made.rows
    assert old.cells == (*[None] * 10, pytest.approx(0.1), pytest.approx(-0.1))
    assert old.total == pytest.approx(-0.01)
    # Midnight of 1 January belongs to the new year; no row fell into February.
    assert new.cells[:3] == (pytest.approx(0.0), None, pytest.approx(0.2))
    assert made.total == pytest.approx(0.188)


def test_a_span_under_three_months_is_shown_by_day_and_hour():
    times = ns("2025-01-23T09:10", "2025-01-23T11:00", "2025-01-24T10:59:59")
    made = calendar_section(times, np.array([100.0, 101.0, 98.98]), start=100.0)
    assert made.kind == "hours"
    assert made.columns == ("09", "10", "11")
    assert [row.name for row in made.rows] == ["2025-01-23", "2025-01-24"]
    assert made.rows[0].cells == (0.0, None, pytest.approx(0.01))
    assert made.rows[1].cells == (None, pytest.approx(-0.02), None)


@given(
    st.lists(st.floats(0.5, 2.0), min_size=1, max_size=60),
    st.sampled_from([60, 3_600, 86_400, 40 * 86_400]),
    st.integers(0, 10**9),
)
def test_cells_compound_to_the_total(growth: list[float], step_s: int, first_s: int):
    times = (first_s + step_s * np.arange(len(growth))) * 10**9
    equity = 1_000 * np.cumprod(growth)
    made = calendar_section(times, equity, start=1_000.0)
    cells = [one for row in made.rows for one in row.cells if one is not None]
    assert np.prod(1 + np.array(cells)) - 1 == pytest.approx(equity[-1] / 1_000 - 1, rel=1e-9, abs=1e-9)
    assert np.prod([1 + row.total for row in made.rows]) - 1 == pytest.approx(made.total, rel=1e-9, abs=1e-9)


def test_after_ruin_nothing_more_is_lost():
    times = ns("2025-01-23T09:10", "2025-01-23T10:10", "2025-01-23T11:10")
    made = calendar_section(times, np.array([50.0, 0.0, 0.0]), start=100.0)
    assert made.rows[0].cells == (-0.5, -1.0, 0.0)
    assert made.total == -1.0


def test_a_calendar_needs_rows_in_time():
    with pytest.raises(ValueError, match="at least one"):
        calendar_section(np.array([], dtype=np.int64), np.array([]), start=1.0)
    with pytest.raises(ValueError, match="backwards"):
        calendar_section(np.array([2, 1]), np.ones(2), start=1.0)

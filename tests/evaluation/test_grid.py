"""The regular clock over irregular events."""

import numpy as np
import pytest

from rookery.evaluation.grid import grid, interval_for

SECOND = 10**9


def test_each_period_ends_with_the_last_event_known_by_then():
    times = np.array([100, 130, 161, 400], dtype=np.int64) * SECOND
    clock = grid(times, interval_s=60)
    assert (clock.time_ns_G1 // SECOND).tolist() == [100, 160, 220, 280, 340, 400]
    assert clock.row_G.tolist() == [1, 2, 2, 2, 3]


def test_the_last_event_is_always_inside():
    times = np.array([0, 61], dtype=np.int64) * SECOND
    clock = grid(times, interval_s=60)
    assert (clock.time_ns_G1 // SECOND).tolist() == [0, 60, 120]
    assert clock.row_G.tolist() == [0, 1]


def test_one_moment_is_one_period():
    assert grid(np.array([7, 7], dtype=np.int64)).row_G.tolist() == [1]


def test_an_event_at_the_end_of_a_period_belongs_to_it_and_none_after():
    times = np.array([0, 60, 60], dtype=np.int64) * SECOND
    later = np.append(times, 60 * SECOND + 1)
    assert grid(times, interval_s=60).row_G.tolist() == [2]
    assert grid(later, interval_s=60).row_G.tolist() == [2, 3]


@pytest.mark.parametrize(
    ("days", "interval_s"),
    [(0.25, 60), (3.4, 60), (3.5, 300), (14, 300), (30, 900), (100, 3_600), (400, 14_400), (2_000, 86_400)],
)
def test_the_interval_gives_300_to_5000_periods(days: float, interval_s: int):
    assert interval_for(days * 86_400) == interval_s
    assert 300 <= days * 86_400 / interval_s <= 5_000


def test_an_interval_of_nothing_is_refused():
    with pytest.raises(ValueError, match="interval is 0 s"):
        grid(np.array([0, 1], dtype=np.int64), interval_s=0)

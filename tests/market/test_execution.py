"""Which bar an order meets."""

import numpy as np
import pytest

from rookery.market.execution import BarTimes, Execution, arrival_bars

MINUTE = 60_000_000_000


def minutes(*opens: int) -> BarTimes:
    """Bars of one minute that open at these minutes."""
    open_ns_T = np.array(opens, np.int64) * MINUTE
    return BarTimes(open_ns_T=open_ns_T, close_ns_T=open_ns_T + MINUTE)


def test_without_delay_an_order_meets_the_next_bar_and_the_last_one_none():
    assert arrival_bars(Execution(), 4, None).tolist() == [1, 2, 3, 4]


def test_a_delay_in_bars_is_added():
    assert arrival_bars(Execution(latency_bars=2), 5, None).tolist() == [3, 4, 5, 5, 5]


def test_a_delay_in_milliseconds_meets_the_first_bar_that_opens_late_enough():
    times = minutes(0, 1, 2, 10, 11)
    assert arrival_bars(Execution(latency_ms=0.0), 5, times).tolist() == [1, 2, 3, 4, 5]
    # One millisecond misses the open of the next minute, but not one that comes after a gap.
    assert arrival_bars(Execution(latency_ms=1.0), 5, times).tolist() == [2, 3, 3, 5, 5]
    assert arrival_bars(Execution(latency_ms=60_000), 5, times).tolist() == [2, 3, 3, 5, 5]
    assert arrival_bars(Execution(latency_ms=60_001), 5, times).tolist() == [3, 3, 3, 5, 5]


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="choose one"):
        Execution(latency_bars=1, latency_ms=1.0)
    with pytest.raises(ValueError, match="latency_ms needs the times"):
        arrival_bars(Execution(latency_ms=1.0), 3, None)
    with pytest.raises(ValueError, match="times of 2 bars for 3 bars"):
        arrival_bars(Execution(), 3, minutes(0, 1))
    with pytest.raises(ValueError, match="bar 1 opens before the last one closed"):
        BarTimes(open_ns_T=np.array([0, 5]), close_ns_T=np.array([10, 20]))
    with pytest.raises(ValueError, match="expected int64 nanoseconds"):
        BarTimes(open_ns_T=np.array([0.0, 5.0]), close_ns_T=np.array([5.0, 10.0]))
    with pytest.raises(ValueError, match="bar 0 does not close after it opens"):
        BarTimes(open_ns_T=np.array([10, 20]), close_ns_T=np.array([10, 30]))

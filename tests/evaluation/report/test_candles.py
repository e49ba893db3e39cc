"""Prices become candles at an interval a trader knows."""

import pytest

from rookery.evaluation.report.candles import INTERVALS_S, candles, per_candle

MINUTE = 60_000


def test_a_candle_is_the_first_highest_lowest_and_last_price_of_its_minute():
    wide = candles([0, 20_000, 40_000, 59_999, MINUTE, 2 * MINUTE], [5.0, 9.0, 2.0, 6.0, 7.0, 8.0], most=3)
    assert wide.interval_s == 60
    assert wide.time_ms == (0, MINUTE, 2 * MINUTE)
    assert (wide.open[0], wide.high[0], wide.low[0], wide.close[0]) == (5.0, 9.0, 2.0, 6.0)


def test_an_interval_without_a_price_is_left_out():
    made = candles([0, 10 * MINUTE], [1.0, 2.0], most=2)
    assert made.interval_s == INTERVALS_S[0]
    assert made.time_ms == (0, 10 * MINUTE)


def test_swaps_at_the_same_moment_share_a_candle():
    made = candles([1_000, 1_000, 1_000], [1.0, 3.0, 2.0])
    assert (made.open, made.high, made.low, made.close) == ((1.0,), (3.0,), (1.0,), (2.0,))


def test_what_stood_at_the_close_is_the_last_value_before_it():
    made = candles([0, MINUTE, 2 * MINUTE], [1.0, 2.0, 3.0], most=3)
    assert made.interval_s == 1
    assert per_candle(made, [500, MINUTE + 1_000], [0.1, 0.2]) == (0.1, 0.1, 0.2)
    assert per_candle(made, [MINUTE], [0.2]) == (None, 0.2, 0.2)


def test_no_price_makes_no_candle():
    with pytest.raises(ValueError, match="at least one"):
        candles([], [])
    with pytest.raises(ValueError, match="2 and 1"):
        candles([0], [1.0, 2.0])

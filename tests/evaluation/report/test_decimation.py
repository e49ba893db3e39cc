"""Fewer points never lose an extreme."""

from hypothesis import given
from hypothesis import strategies as st

from rookery.evaluation.report.decimation import keep, merge
from rookery.evaluation.report.record import Candles

values = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=400)


@given(values=values, most=st.integers(4, 60))
def test_every_bucket_keeps_its_lowest_and_its_highest(values: list[float], most: int):
    kept = keep([values], most=most)
    buckets = max(1, most // 2)
    for bucket in range(buckets):
        rows = range(bucket * len(values) // buckets, (bucket + 1) * len(values) // buckets)
        inside = [values[row] for row in kept if row in rows]
        whole = [values[row] for row in rows]
        if whole:
            assert (min(inside), max(inside)) == (min(whole), max(whole))


@given(values=values, most=st.integers(4, 60))
def test_rows_stay_in_order_with_first_and_last_and_not_many_more_than_asked(values: list[float], most: int):
    kept = keep([values], most=most)
    assert kept == sorted(set(kept))
    assert (kept[0], kept[-1]) == (0, len(values) - 1)
    assert len(kept) <= most + 2


def test_one_clock_serves_all_columns():
    flat, spike = [0.0] * 1_000, [0.0] * 1_000
    flat[777], spike[333] = 5.0, -5.0
    assert {333, 777} <= set(keep([flat, spike], most=40))


def test_a_gap_stays_a_gap():
    values = [1.0] * 500 + [None] + [1.0] * 499
    assert 500 in keep([values], most=20)


def test_few_points_are_left_alone_and_none_are_none():
    assert keep([[3.0, 1.0, 2.0]], most=3) == [0, 1, 2]
    assert keep([[]], most=3) == []


@given(prices=st.lists(st.floats(1, 1e4), min_size=1, max_size=200), most=st.integers(1, 50))
def test_merged_candles_keep_first_open_last_close_and_both_extremes(prices: list[float], most: int):
    times = tuple(range(0, 60_000 * len(prices), 60_000))
    column = tuple(prices)
    merged = merge(Candles(interval_s=60, time_ms=times, open=column, high=column, low=column, close=column), most=most)
    assert len(merged.time_ms) <= most
    assert (merged.open[0], merged.close[-1]) == (prices[0], prices[-1])
    assert (max(merged.high), min(merged.low)) == (max(prices), min(prices))

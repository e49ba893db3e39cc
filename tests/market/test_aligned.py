"""Several instruments on one clock: as-of, masked where missing, never known early, never filled backwards."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from rookery.market.aligned import AlignedBars, align, to_bars
from rookery.schema import TIME

START = datetime(2024, 1, 2, tzinfo=UTC)
HOUR = 3_600 * 10**9


def table(hours: list[int], *, length: int = 1, base: float = 100.0, name: str = "X") -> pl.DataFrame:
    """Bars known `hours` after the start; the one known at hour h opens at base + h and closes half above."""
    known = [START + timedelta(hours=hour) for hour in hours]
    opened = [base + hour for hour in hours]
    return pl.DataFrame(
        {
            "time": known,
            "open_time": [time - timedelta(hours=length) for time in known],
            "instrument": name,
            "open": opened,
            "high": [price + 1 for price in opened],
            "low": [price - 1 for price in opened],
            "close": [price + 0.5 for price in opened],
            "volume": 10.0,
            "spread": None,
            "synthetic": False,
        },
        schema_overrides={"time": TIME, "open_time": TIME, "spread": pl.Float64},
    )


def test_one_table_becomes_bars_and_times():
    bars, times = to_bars(table([1, 2, 4]))
    assert bars.close_TM[:, 0].tolist() == [101.5, 102.5, 104.5]
    assert bars.volume_TM[:, 0].tolist() == [10, 10, 10]
    assert (times.close_ns_T - times.open_ns_T).tolist() == [HOUR] * 3


def test_a_bar_of_a_long_day_opens_when_the_last_one_closed():
    _, times = to_bars(table([1, 2, 3], length=2))
    assert (times.close_ns_T - times.open_ns_T).tolist() == [2 * HOUR, HOUR, HOUR]


def test_unknown_volume_is_what_the_caller_says():
    unknown = table([1, 2]).with_columns(pl.lit(None, dtype=pl.Float64).alias("volume"))
    assert to_bars(unknown)[0].volume_TM.tolist() == [[0.0], [0.0]]
    assert to_bars(unknown, missing_volume=5.0)[0].volume_TM.tolist() == [[5.0], [5.0]]


def test_a_missing_bar_is_masked_and_stands_flat_at_the_last_close():
    aligned = align({"A": table([1, 2, 3, 4]), "B": table([1, 4], base=50.0)})
    assert aligned.instruments == ("A", "B")
    assert aligned.traded_TM.tolist() == [[True, True], [True, False], [True, False], [True, True]]
    b = [getattr(aligned.bars, f"{name}_TM")[:, 1].tolist() for name in ("open", "high", "low", "close", "volume")]
    assert b == [
        [51, 51.5, 51.5, 54],
        [52, 51.5, 51.5, 55],
        [50, 51.5, 51.5, 53],
        [51.5, 51.5, 51.5, 54.5],
        [10, 0, 0, 10],
    ]
    assert (aligned.age_ns_TM[:, 1] // HOUR).tolist() == [0, 1, 2, 0]


def test_nothing_is_filled_backwards():
    aligned = align({"A": table([1, 2, 3, 4]), "B": table([3, 4], base=50.0)})
    assert aligned.rows_before == 2
    assert aligned.bars.close_TM.tolist() == [[103.5, 53.5], [104.5, 54.5]]


def test_finer_bars_are_joined_on_a_coarser_clock():
    aligned = align({"H4": table([4, 8], length=4), "H1": table([1, 2, 3, 4, 5, 6, 7, 8])}, clock="H4")
    hourly = aligned.bars
    assert (hourly.open_TM[1, 1], hourly.high_TM[1, 1], hourly.low_TM[1, 1], hourly.close_TM[1, 1]) == (
        105,
        109,
        104,
        108.5,
    )
    assert hourly.volume_TM[1, 1] == 40
    assert aligned.collapsed == 0


def test_a_long_past_before_the_clock_begins_is_carried_and_not_joined():
    aligned = align({"A": table([21, 22]), "B": table([1, 2, 3, 22], base=50.0)}, clock="A")
    assert aligned.rows_before == 0
    assert aligned.traded_TM[:, 1].tolist() == [False, True]
    assert aligned.bars.quotes()[0, 1].tolist() == [53.5, 53.5, 53.5, 53.5, 0.0]
    assert (aligned.age_ns_TM[:, 1] // HOUR).tolist() == [18, 0]


def test_a_bar_older_than_its_span_cannot_be_filled_at_its_open():
    aligned = align({"H1": table([1, 2, 3, 4, 5, 6, 7, 8]), "H4": table([4, 8], length=4)}, clock="H1")
    assert aligned.collapsed == 2
    coarse = aligned.bars
    assert coarse.open_TM[-1, 1] == coarse.high_TM[-1, 1] == coarse.low_TM[-1, 1] == coarse.close_TM[-1, 1] == 108.5


def test_bars_filled_in_by_the_exporter_count_as_missing():
    filled = table([1, 2, 3]).with_columns(pl.Series("synthetic", [False, True, False]))
    aligned = align({"A": table([1, 2, 3]), "B": filled})
    assert aligned.traded_TM[:, 1].tolist() == [True, False, True]


@pytest.mark.parametrize(
    ("tables", "clock", "said"),
    [
        ({}, None, "no instruments"),
        ({"A": table([])}, None, "'A' has no bars"),
        ({"A": table([1])}, "B", "no instrument 'B'"),
        ({"A": table([1, 1])}, None, "'A' does not rise strictly in time at bar 1"),
        ({"A": table([1, 2]), "B": table([5, 6])}, "A", "do not overlap"),
    ],
)
def test_what_cannot_be_aligned_is_refused(tables: dict[str, pl.DataFrame], clock: str | None, said: str):
    with pytest.raises(ValueError, match=said):
        align(tables, clock=clock)


hours = st.lists(st.integers(1, 60), min_size=1, max_size=30, unique=True).map(sorted)


@given(first=hours, second=hours, length=st.integers(1, 6), cut=st.integers(1, 60), clock=st.sampled_from([None, "A"]))
@settings(max_examples=200, deadline=None, derandomize=True, database=None)
def test_no_moment_knows_a_bar_that_closes_later(
    first: list[int], second: list[int], length: int, cut: int, clock: str | None
):
    tables = {"A": table(first), "B": table(second, length=length, base=50.0)}
    assume(clock is None or second[0] <= first[-1])
    whole = _aligned(tables, clock)
    for m, bars in enumerate(tables.values()):
        known = bars.select(pl.col("time").to_physical(), "close")
        for t, moment in enumerate(whole.times.close_ns_T.tolist()):
            assert whole.bars.close_TM[t, m] == known.filter(pl.col("time") <= moment)["close"][-1]
    before = {name: bars.filter(pl.col("time") <= START + timedelta(hours=cut)) for name, bars in tables.items()}
    assume(not any(bars.is_empty() for bars in before.values()))
    assume(clock is None or before["B"]["time"][0] <= before["A"]["time"][-1])
    past = align(before, clock=clock)
    count = len(past.times.close_ns_T)
    assert past.rows_before == whole.rows_before
    assert np.array_equal(past.bars.quotes(), whole.bars.quotes()[:count])
    assert np.array_equal(past.traded_TM, whole.traded_TM[:count])


def _aligned(tables: dict[str, pl.DataFrame], clock: str | None) -> AlignedBars:
    aligned = align(tables, clock=clock)
    assert (aligned.times.open_ns_T < aligned.times.close_ns_T).all()
    assert (aligned.age_ns_TM >= 0).all()
    assert (aligned.traded_TM | (aligned.age_ns_TM > 0)).all()
    return aligned

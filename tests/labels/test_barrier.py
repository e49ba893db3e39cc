"""The triple barrier, bar by bar and by hand."""

import numpy as np
import polars as pl
import pytest

from rookery.errors import UserError
from rookery.labels.barrier import Barriers, average_uniqueness, triple_barrier

FOUR = Barriers(profit=0.02, stop=0.02, horizon_bars=4)


def bars(high: list[float], low: list[float], close: list[float], opens: list[float] | None = None) -> pl.DataFrame:
    rows = len(close)
    time = pl.Series("time", np.arange(rows) * 60_000_000_000).cast(pl.Datetime("ns", "UTC"))
    columns = {"open": opens or close, "high": high, "low": low, "close": close}
    return pl.DataFrame({"time": time, **{n: np.asarray(v, float) for n, v in columns.items()}, "segment": "a"})


WORKED = bars(
    high=[100.0, 101.4, 101.2, 102.1, 103.0],
    low=[100.0, 100.2, 98.9, 99.4, 101.2],
    close=[100.0, 100.8, 100.5, 101.9, 102.5],
    opens=[100.0, 100.5, 100.8, 100.5, 101.9],
)


def first(labelled: pl.DataFrame) -> dict[str, object]:
    return labelled.row(0, named=True)


def test_the_worked_entry_meets_the_profit_at_bar_three_and_by_closes_alone_at_bar_four():
    touched = first(triple_barrier(WORKED, FOUR).table)
    assert (touched["outcome"], touched["label"], touched["end_row"]) == ("upper", 1, 3)
    assert touched["exit_price"] == pytest.approx(102.0)
    assert touched["return"] == pytest.approx(0.02)
    by_close = first(triple_barrier(WORKED, FOUR.model_copy(update={"touch": "close"})).table)
    assert (by_close["outcome"], by_close["end_row"]) == ("upper", 4)
    assert by_close["return"] == pytest.approx(0.025)


def test_the_mirrored_prices_give_a_short_the_same_outcome():
    mirrored = bars(
        high=[100.0, 99.8, 101.1, 100.6, 98.8],
        low=[100.0, 98.6, 98.8, 97.9, 97.0],
        close=[100.0, 99.2, 99.5, 98.1, 97.5],
        opens=[100.0, 99.5, 99.2, 99.5, 98.1],
    )
    touched = first(triple_barrier(mirrored, FOUR, side=-1).table)
    assert (touched["outcome"], touched["end_row"]) == ("upper", 3)
    assert touched["return"] == pytest.approx(0.02)


def test_where_one_bar_touches_both_the_stop_is_first_and_it_is_counted():
    wide = bars(high=[100.0, 103.0], low=[100.0, 97.0], close=[100.0, 100.0])
    for side in (1, -1):
        labels = triple_barrier(wide, Barriers(horizon_bars=1), side=side)
        touched = first(labels.table)
        assert (touched["outcome"], touched["label"], labels.both_touched) == ("lower", -1, 1)
        assert touched["return"] == pytest.approx(-0.02)


def test_a_bar_that_opens_beyond_a_barrier_fills_at_its_open():
    gap = bars(high=[100.0, 96.0], low=[100.0, 94.0], close=[100.0, 95.0], opens=[100.0, 95.5])
    touched = first(triple_barrier(gap, Barriers(horizon_bars=1)).table)
    assert touched["exit_price"] == 95.5
    assert touched["return"] == pytest.approx(-0.045)


def test_a_wide_bar_that_opens_beyond_the_profit_met_it_first():
    gap = bars(high=[100.0, 104.0], low=[100.0, 97.0], close=[100.0, 98.0], opens=[100.0, 103.0])
    labels = triple_barrier(gap, Barriers(horizon_bars=1))
    assert (first(labels.table)["outcome"], labels.both_touched) == ("upper", 0)


def test_patience_ends_with_nothing_or_with_the_sign_of_the_return():
    calm = bars(high=[100.0, 101.0, 101.0], low=[100.0, 99.5, 99.0], close=[100.0, 100.0, 99.5])
    for timeout, label in (("zero", 0), ("sign", -1)):
        ended = first(triple_barrier(calm, Barriers(horizon_bars=2, timeout=timeout)).table)
        assert (ended["outcome"], ended["label"], ended["end_row"]) == ("timeout", label, 2)
        assert ended["return"] == pytest.approx(-0.005)


def test_a_row_whose_patience_outlasts_its_segment_is_unlabelled_or_closed_with_it():
    calm = bars(high=[100.0, 101.0], low=[100.0, 99.5], close=[100.0, 100.5])
    assert triple_barrier(calm, FOUR).table["label"].to_list() == [None, None]
    closed = triple_barrier(calm, FOUR.model_copy(update={"segment_end": "timeout"})).table
    assert closed["outcome"].to_list() == ["timeout", None]


def test_what_is_touched_before_the_end_is_known_even_if_patience_outlasts_it():
    assert first(triple_barrier(WORKED, Barriers(horizon_bars=99)).table)["outcome"] == "upper"


def test_no_label_looks_into_the_next_segment():
    cut = WORKED.with_columns(segment=pl.Series(list("aabbb")))
    labelled = triple_barrier(cut, FOUR.model_copy(update={"segment_end": "timeout"})).table
    assert labelled["end_row"].to_list() == [1, None, 4, 4, None]


def test_times_of_entry_and_decision_are_kept():
    touched = first(triple_barrier(WORKED, FOUR).table)
    assert touched["t0"] == touched["time"] == WORKED["time"][0]
    assert touched["t1"] == WORKED["time"][3]


def test_barriers_scale_with_a_trailing_unit_and_rows_without_one_have_no_label():
    unit = pl.Series([0.01, None, 0.5, 0.5, 0.5])
    labelled = triple_barrier(WORKED, Barriers(profit=1.0, stop=2.0, horizon_bars=2), unit=unit).table
    assert labelled["outcome"].to_list() == ["upper", None, "timeout", None, None]
    assert labelled["exit_price"][0] == pytest.approx(101.0)


def test_rows_without_a_side_have_no_label():
    labelled = triple_barrier(WORKED, Barriers(horizon_bars=1), side=np.array([0, 1, 0, 0, 0])).table
    assert labelled["label"].is_not_null().to_list() == [False, True, False, False, False]


@pytest.mark.parametrize(("horizon", "step"), [(7, 0.01), (60, 0.002), (90, 0.004)])
def test_every_label_equals_a_plain_loop(horizon: int, step: float):
    rng = np.random.default_rng(0)
    close = 100 * np.exp(np.cumsum(rng.normal(0, step, 400)))
    table = bars(list(close * 1.006), list(close * 0.995), list(close))
    labelled = triple_barrier(table, Barriers(profit=0.02, stop=0.03, horizon_bars=horizon)).table
    assert labelled["outcome"].n_unique() == 4
    for i in range(400):
        wanted: str | None = "timeout" if i + horizon < 400 else None
        for j in range(i + 1, min(i + horizon + 1, 400)):
            if close[j] * 0.995 <= close[i] * 0.97 or close[j] * 1.006 >= close[i] * 1.02:
                wanted = "lower" if close[j] * 0.995 <= close[i] * 0.97 else "upper"
                break
        assert labelled["outcome"][i] == wanted


def test_a_price_of_zero_is_refused():
    with pytest.raises(UserError, match="not above zero"):
        triple_barrier(bars([1.0], [0.0], [1.0]), FOUR)


def test_sides_for_other_rows_are_refused():
    with pytest.raises(ValueError, match="one for each of 5 rows"):
        triple_barrier(WORKED, FOUR, side=[1, 1])


def test_overlapping_labels_share_their_rows():
    assert average_uniqueness([0, 1, 5], [2, 3, 6]) == pytest.approx([2 / 3, 2 / 3, 1.0])


def test_uniqueness_equals_a_count_by_hand_of_random_spans():
    rng = np.random.default_rng(1)
    start = rng.integers(0, 80, 60)
    end = start + rng.integers(0, 15, 60)
    alive = np.array([((start <= t) & (end >= t)).sum() for t in range(100)])
    wanted = [np.mean(1.0 / alive[a : b + 1]) for a, b in zip(start, end, strict=True)]
    assert average_uniqueness(start, end) == pytest.approx(wanted)


def test_no_spans_have_no_uniqueness_and_spans_backwards_are_refused():
    assert average_uniqueness([], []).size == 0
    with pytest.raises(ValueError, match="ends before it starts"):
        average_uniqueness([3], [2])

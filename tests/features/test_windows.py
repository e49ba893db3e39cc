"""Trailing windows against arithmetic done another way, and their independence of all that lies outside them."""

import math

import numpy as np
import polars as pl
import pytest

from rookery.features.windows import (
    compile_kernels,
    trailing_mean,
    trailing_means,
    trailing_std,
    trailing_stds,
    trailing_sum,
    trailing_to_running_mean,
)

VALUE = pl.col("value")
# More than two tiles of the kernels, so that windows lie across their edges.
PRICES = 2800.0 + np.cumsum(np.random.default_rng(3).normal(0.0, 0.3, 5000))


def over(values: np.ndarray, expression: pl.Expr) -> np.ndarray:
    return pl.DataFrame({"value": values}).select(expression).to_series().to_numpy()


def test_a_sum_of_three_rows_grows_and_then_slides():
    assert over(np.array([1.0, 2.0, 3.0, 4.0, 5.0]), trailing_sum(VALUE, 3)).tolist() == [1, 3, 6, 9, 12]


def test_a_mean_of_the_rows_that_exist_is_taken_while_the_window_fills():
    assert over(np.array([1.0, 2.0, 6.0, 10.0]), trailing_mean(VALUE, 3)).tolist() == [1, 1.5, 3, 6]


def test_lag_one_leaves_out_the_row_itself_but_in_the_first_row():
    assert over(np.array([1.0, 2.0, 6.0, 10.0]), trailing_mean(VALUE, 2, lag=1)).tolist() == [1, 1, 1.5, 4]


def test_the_deviation_of_one_row_is_zero_and_of_two_their_distance_over_root_two():
    assert over(np.array([5.0, 7.0, 7.0]), trailing_std(VALUE, 2)).tolist() == [0.0, math.sqrt(2.0), 0.0]


def test_skipped_rows_do_not_count():
    values = np.array([1000.0, 1.0, 3.0, 1.0])
    assert over(values, trailing_std(VALUE, 2, skip=1)).tolist() == [0.0, 0.0, math.sqrt(2.0), math.sqrt(2.0)]
    assert over(values, trailing_std(VALUE, 2, lag=1, skip=1)).tolist() == [0.0, 0.0, 0.0, math.sqrt(2.0)]


def test_a_constant_price_has_no_deviation_at_all():
    assert not over(np.full(300, 0.1), trailing_std(VALUE, 100)).any()


@pytest.mark.parametrize("window", [1, 2, 3, 10, 50, 64, 99, 100, 127, 3000])
def test_sums_equal_the_exact_sum_of_their_rows(window: int):
    sums = over(PRICES, trailing_sum(VALUE, window))
    for i in (0, 1, 8, 9, 98, 99, 100, 2047, 2048, 2049, 4999):
        exact = math.fsum(PRICES[max(0, i + 1 - window) : i + 1])
        assert sums[i] == pytest.approx(exact, rel=1e-14)


@pytest.mark.parametrize("window", [2, 3, 10, 50, 64, 99, 100, 3000])
def test_deviations_around_a_high_price_keep_nine_digits(window: int):
    deviations = over(PRICES, trailing_std(VALUE, window))
    for i in (1, 2, 9, 10, 98, 99, 100, 2047, 2048, 2049, 4999):
        rows = [int(value * 2**40) for value in PRICES[max(0, i + 1 - window) : i + 1]]
        count = len(rows)
        exact = math.sqrt((count * sum(row * row for row in rows) - sum(rows) ** 2) / (count * (count - 1))) / 2**40
        assert deviations[i] == pytest.approx(exact, rel=1e-9)


@pytest.mark.parametrize("window", [10, 50, 100])
@pytest.mark.parametrize("start", [1, 63, 777, 2048, 3001])
def test_a_full_window_has_the_same_bits_wherever_the_table_starts(window: int, start: int):
    for expression in (trailing_sum(VALUE, window), trailing_mean(VALUE, window), trailing_std(VALUE, window)):
        whole, late = over(PRICES, expression), over(PRICES[start:], expression)
        assert whole[start + window - 1 :].tobytes() == late[window - 1 :].tobytes()


def test_several_windows_at_once_have_the_bits_of_each_alone():
    windows = (100, 2, 10, 50)
    at_once = pl.DataFrame({"value": PRICES}).select(
        trailing_means(VALUE, windows, "mean"), trailing_stds(VALUE, windows, "std")
    )
    for window in windows:
        mean, std = at_once.unnest("mean", "std").select(f"mean_{window}", f"std_{window}")
        assert mean.to_numpy().tobytes() == over(PRICES, trailing_mean(VALUE, window)).tobytes()
        assert std.to_numpy().tobytes() == over(PRICES, trailing_std(VALUE, window)).tobytes()


def test_one_bad_value_spoils_only_the_windows_that_hold_it():
    values = PRICES[:400].copy()
    values[200] = math.nan
    for expression in (trailing_mean(VALUE, 50), trailing_std(VALUE, 50)):
        assert np.flatnonzero(np.isnan(over(values, expression))).tolist() == list(range(200, 250))


def test_the_mean_of_a_window_is_compared_with_that_of_all_rows_so_far():
    values = np.array([0.0, 0.0, 2.0, 2.0])
    assert over(values, trailing_to_running_mean(VALUE, 2)).tolist() == [1.0, 1.0, 1.5, 2.0]
    assert over(values[2:], trailing_to_running_mean(VALUE, 2, rows=2, total=2.0)).tolist() == [1.5, 4 / 3]


def test_an_empty_table_has_no_windows():
    for expression in (trailing_sum(VALUE, 3), trailing_mean(VALUE, 3, lag=1), trailing_std(VALUE, 3, lag=1, skip=1)):
        assert over(np.array([]), expression).size == 0


def test_a_window_too_short_to_mean_anything_is_refused():
    with pytest.raises(ValueError, match="a window of 0 rows is too short; at least 1"):
        trailing_mean(VALUE, 0)
    with pytest.raises(ValueError, match="a window of 1 rows is too short; at least 2"):
        trailing_std(VALUE, 1)


def test_kernels_compiled_ahead_are_not_compiled_again():
    compile_kernels()
    from rookery.features import windows

    kernels = [kernel for kernel in vars(windows).values() if hasattr(kernel, "nopython_signatures")]
    compiled = [len(kernel.nopython_signatures) for kernel in kernels]
    over(PRICES, trailing_std(VALUE, 100, lag=1, skip=1))
    over(PRICES, trailing_to_running_mean(VALUE, 20, rows=3, total=1.0))
    over(PRICES, trailing_sum(VALUE, 10, lag=1))
    assert [len(kernel.nopython_signatures) for kernel in kernels] == compiled

"""Fractional differences: weights, rows and the choice of the order."""

import math
import warnings

import numpy as np
import polars as pl
import pytest

from rookery.errors import UserError
from rookery.features.fractional import GRID, choose_order, fractional_difference, fractional_weights

CLOSE = pl.col("close")


def bars(close: np.ndarray, segment: object = 0) -> pl.DataFrame:
    return pl.DataFrame({"close": np.asarray(close, dtype=float), "segment": segment})


def walk(rows: int, seed: int = 0) -> np.ndarray:
    return np.exp(np.cumsum(np.random.default_rng(seed).normal(0.0, 0.01, rows)))


def test_the_weights_of_order_one_half_are_the_published_ones():
    assert fractional_weights(0.5, 0.025).tolist() == [1.0, -0.5, -0.125, -0.0625, -0.0390625, -0.02734375]


@pytest.mark.parametrize(("tau", "length"), [(1e-2, 11), (1e-3, 55), (1e-4, 282), (1e-5, 1458)])
def test_a_finer_tau_asks_for_more_rows(tau: float, length: int):
    assert fractional_weights(0.4, tau).size == length


def test_the_weights_are_binomial_coefficients():
    special = pytest.importorskip("scipy.special")
    k = np.arange(55)
    np.testing.assert_allclose(fractional_weights(0.4, 1e-3), (-1.0) ** k * special.binom(0.4, k), rtol=1e-12)


def test_order_one_is_the_plain_difference_and_order_zero_the_value_itself():
    assert fractional_weights(1.0, 1e-5).tolist() == [1.0, -1.0]
    assert fractional_weights(0.0, 1e-5).tolist() == [1.0]


def test_a_ramp_has_the_worked_differences():
    values = bars(np.arange(1.0, 9.0)).select(fractional_difference(0.5, 0.05, CLOSE)).to_series()
    assert values.to_list() == [None, None, None, 2.1875, 2.5, 2.8125, 3.125, 3.4375]


def test_logarithms_of_the_close_are_differenced_unless_told_otherwise():
    made = bars(np.exp(np.arange(3.0))).select(fractional_difference(1.0)).to_series().to_list()
    assert made == [None, pytest.approx(1.0), pytest.approx(1.0)]


def test_the_kernel_is_a_convolution():
    close, weights = walk(5000), fractional_weights(0.3, 1e-4)
    made = bars(close).select(fractional_difference(0.3, 1e-4)).to_series().to_numpy()
    wanted = np.convolve(np.log(close), weights)[weights.size - 1 : close.size]
    np.testing.assert_allclose(made[weights.size - 1 :], wanted, rtol=0, atol=1e-12)
    assert np.isnan(made[: weights.size - 1]).all()


def test_a_rows_bits_do_not_hang_on_where_the_record_starts():
    close = walk(3000)
    whole, later = (bars(part).select(fractional_difference(0.4)).to_series() for part in (close, close[777:]))
    assert later[54:].to_numpy().tobytes() == whole[777 + 54 :].to_numpy().tobytes()


def test_segments_do_not_touch():
    close = walk(300)
    cut = bars(close, np.repeat(["a", "b"], 150)).select(fractional_difference(0.4)).to_series()
    alone = bars(close[150:]).select(fractional_difference(0.4)).to_series()
    assert cut[150:].to_list() == alone.to_list()


def test_the_chosen_order_is_the_smallest_that_statsmodels_calls_stationary():
    stattools = pytest.importorskip("statsmodels.tsa.stattools")
    close = walk(1500, seed=1)
    chosen = choose_order(bars(close), range(1000))
    assert chosen.fitted_rows == (0, 1000)
    assert 0.0 < chosen.order < 1.0
    logs = np.log(close[:1000])
    for order, p in chosen.p_values:
        weights = fractional_weights(order, 1e-3)
        series = np.convolve(logs, weights)[weights.size - 1 : 1000]
        with warnings.catch_warnings():
            # Newer versions announce that they will return a record instead of a tuple.
            warnings.simplefilter("ignore", FutureWarning)
            wanted = stattools.adfuller(series, maxlag=1, regression="c", autolag=None)[1]
        assert p == pytest.approx(wanted, rel=1e-6)
        assert (p < 0.05) == (order == chosen.order)


def test_the_order_looks_at_no_row_beyond_training():
    close = walk(1500, seed=1)
    spoilt = close.copy()
    spoilt[1000:] = 1e9 * walk(500, seed=2)
    assert choose_order(bars(close), range(1000)) == choose_order(bars(spoilt), range(1000))


def test_a_stationary_record_is_left_as_it_is():
    noise = np.exp(np.random.default_rng(0).normal(0.0, 0.01, 500))
    assert choose_order(bars(noise), range(500)).order == 0.0


def test_over_segments_most_of_them_decide():
    close = np.concatenate([walk(300, seed) for seed in range(7)])
    chosen = choose_order(bars(close, np.repeat(np.arange(7), 300)), range(2100))
    assert 0.0 < chosen.order <= 1.0
    assert [order for order, _ in chosen.p_values] == list(GRID[: len(chosen.p_values)])


def test_segments_too_short_to_test_are_refused_with_advice():
    with pytest.raises(UserError, match="too short") as failure:
        choose_order(bars(walk(40), np.repeat(np.arange(10), 4)), range(40))
    assert "give the order yourself" in (failure.value.remedy or "")


def test_where_no_order_will_do_the_one_that_is_given_is_taken_with_the_ground_for_it():
    chosen = choose_order(bars(walk(40), np.repeat(np.arange(10), 4)), range(40), otherwise=1.0)
    assert (chosen.order, chosen.fitted_rows) == (1.0, (0, 40))
    assert [order for order, _ in chosen.p_values] == sorted(GRID)
    assert all(p is None for _, p in chosen.p_values)


@pytest.mark.parametrize(("order", "tau"), [(-0.1, 0.01), (math.nan, 0.01), (0.5, 0.0), (0.5, 1.0)])
def test_orders_and_taus_without_meaning_are_refused(order: float, tau: float):
    with pytest.raises(ValueError, match="tau"):
        fractional_weights(order, tau)


def test_rows_outside_the_table_are_refused():
    with pytest.raises(ValueError, match="not a part of 50 rows"):
        choose_order(bars(walk(50)), range(60))


def test_prices_that_hardly_move_are_not_tested_and_choose_nothing():
    still = np.ones(60)
    late, early = still.copy(), still.copy()
    late[-1], early[0] = 1.1, 0.9
    step = np.where(np.arange(60) < 58, 1.0, 1.2)
    segments = np.repeat(np.arange(4), 60)
    flat = bars(np.concatenate((still, late, early, step)), segments)
    found = choose_order(flat, range(240), tau=1e-2, otherwise=1.0)
    assert found.order in (*GRID, 1.0)

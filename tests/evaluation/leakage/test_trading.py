"""Fills and lags."""

import numpy as np
import polars as pl
import pytest

from rookery.errors import UserError
from rookery.evaluation.leakage.trading import fill_price, one_bar_lag


def test_a_fill_in_the_moment_of_its_decision_is_caught_even_at_another_row():
    # Rows 1 and 2 are of one block: what row 1 decides has seen row 2.
    table = pl.DataFrame({"time": [0, 10, 10, 20], "price": [1.0, 2.0, 3.0, 4.0]})
    orders = pl.DataFrame({"row": [0, 1], "filled_row": [1, 2], "fill_price": [2.0, 3.0]})

    found = fill_price(orders, table)
    assert (found.outcome, found.row) == ("failed", 1)
    assert found.detail == "filled at a moment that the decision has seen: 1"
    assert fill_price(orders.with_columns(filled_row=pl.Series([1, 3])), table).outcome == "passed"


def test_orders_without_fills_are_not_tested_and_without_rows_refused():
    table = pl.DataFrame({"time": [0, 1], "price": [1.0, 2.0]})
    orders = pl.DataFrame({"row": [0], "filled_row": [None]}, schema={"row": pl.Int64, "filled_row": pl.Int64})

    assert fill_price(orders, table).outcome == "not_tested"
    with pytest.raises(UserError, match="have no column 'filled_row'"):
        fill_price(orders.drop("filled_row"), table)


def test_an_edge_that_a_bar_destroys_is_possible_and_one_that_lasts_passes():
    rng = np.random.default_rng(0)
    returns = rng.normal(0.0, 0.01, 2_000)
    trend = np.repeat(rng.normal(0.0, 0.01, 100), 20) + returns

    def peeking(bars: int) -> np.ndarray:  # type: ignore[type-arg]
        return np.sign(np.roll(returns, -bars)) * returns

    def following(bars: int) -> np.ndarray:  # type: ignore[type-arg]
        mean = np.convolve(trend, np.ones(5) / 5.0, mode="full")[: trend.size]
        return np.sign(np.roll(mean, 1 + bars)) * trend

    found = one_bar_lag(peeking)
    assert (found.outcome, found.column) == ("possible", "returns")
    assert one_bar_lag(following).outcome == "passed"
    assert one_bar_lag(lambda bars: -np.abs(returns)).outcome == "passed"
    # A ratio within its own noise has nothing to lose.
    assert one_bar_lag(lambda bars: returns[:200] - returns[:200].mean() + (0.0 if bars else 1e-4)).outcome == "passed"
    assert one_bar_lag(lambda bars: np.zeros(100)).outcome == "not_tested"
    assert one_bar_lag(lambda bars: returns[:10]).outcome == "not_tested"

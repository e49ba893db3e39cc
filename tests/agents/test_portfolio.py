"""Online portfolio selection, to the published wealths."""

from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from rookery.agents.portfolio import (
    OnlinePortfolio,
    best_constant_in_hindsight,
    best_stock_in_hindsight,
    bought_once,
    exponentiated_gradient,
    keep_weights,
    on_simplex,
    online_weights,
    passive_aggressive_mean_reversion,
    published_bars,
)
from rookery.evaluation.bar_backtest import backtest_agent, backtest_targets
from rookery.market.bars import Bars

TABLES = {
    "market": bought_once,
    "best": best_stock_in_hindsight,
    "bcrp": best_constant_in_hindsight,
    "crp": lambda close_TM: online_weights(close_TM, keep_weights),
    "eg": lambda close_TM: online_weights(close_TM, exponentiated_gradient()),
    "pamr": lambda close_TM: online_weights(close_TM, passive_aggressive_mean_reversion()),
}


@cache
def published(folder: Path, name: str) -> Bars:
    return published_bars(pl.read_csv(folder / "olps" / f"{name}.csv.gz").to_numpy())


@pytest.mark.parametrize(
    ("data", "strategy", "wealth"),
    [
        ("nyse_o", "market", "14.50"),
        ("nyse_o", "best", "54.14"),
        ("nyse_o", "bcrp", "250.60"),
        ("nyse_o", "crp", "27.08"),
        ("nyse_o", "eg", "27.09"),
        ("nyse_o", "pamr", "5.14e+15"),
        ("tse", "market", "1.61"),
        ("tse", "best", "6.28"),
        ("tse", "bcrp", "6.78"),
        ("tse", "pamr", "264.86"),
        ("djia", "market", "0.76"),
        ("djia", "best", "1.19"),
        ("djia", "bcrp", "1.24"),
        ("djia", "pamr", "0.68"),
    ],
)
def test_wealth_is_the_published_one_to_its_digits(shared_data: Path, data: str, strategy: str, wealth: str):
    bars = published(shared_data, data)
    found = backtest_targets(bars, TABLES[strategy](bars.close_TM), wish="weight", capital=1.0).totals().end
    assert (f"{found:.2e}" if "e" in wealth else f"{found:.2f}") == wealth


def test_the_ledgers_wealth_is_the_product_of_the_days_relatives(shared_data: Path):
    bars = published(shared_data, "djia")
    weights_TM = online_weights(bars.close_TM, passive_aggressive_mean_reversion())
    relatives_TM = bars.close_TM[1:] / bars.close_TM[:-1]
    by_hand = np.cumprod((weights_TM[:-1] * relatives_TM).sum(axis=1))
    wealth_T = backtest_targets(bars, weights_TM, wish="weight", capital=1.0).record.worth_T
    np.testing.assert_allclose(wealth_T[1:], by_hand, rtol=1e-11)


def test_an_agent_that_learns_bar_by_bar_has_the_same_wealth(shared_data: Path):
    bars = published(shared_data, "djia")
    for update in (exponentiated_gradient(), passive_aggressive_mean_reversion()):
        table = backtest_targets(bars, online_weights(bars.close_TM, update), wish="weight", capital=1.0)
        agent = backtest_agent(OnlinePortfolio(update), bars, capital=1.0)
        np.testing.assert_allclose(agent.record.worth_T, table.record.worth_T, rtol=1e-12)


def test_weights_know_nothing_of_later_closes(shared_data: Path):
    close_TM = published(shared_data, "djia").close_TM
    shocked_TM = close_TM.copy()
    shocked_TM[101:] *= np.linspace(0.5, 2.0, close_TM.shape[1])
    for update in (exponentiated_gradient(), passive_aggressive_mean_reversion()):
        before, after = (online_weights(values_TM, update)[:101] for values_TM in (close_TM, shocked_TM))
        assert np.array_equal(before, after)


def test_the_best_constant_weights_are_optimal(shared_data: Path):
    # Cover's condition: at the optimum the mean of x_i / (w . x) is at most 1, and 1 where w_i is above 0.
    close_TM = published(shared_data, "djia").close_TM
    weights_M = best_constant_in_hindsight(close_TM)[0]
    relatives_TM = close_TM[1:] / close_TM[:-1]
    gain_M = (relatives_TM / (relatives_TM @ weights_M)[:, None]).mean(axis=0)
    assert gain_M.max() <= 1 + 1e-5
    np.testing.assert_allclose(gain_M[weights_M > 1e-3], 1.0, atol=1e-5)


def test_the_nearest_point_of_the_simplex():
    assert on_simplex(np.array([0.2, 0.8])).tolist() == [0.2, 0.8]
    assert on_simplex(np.array([2.0, 0.0, 0.0])).tolist() == [1.0, 0.0, 0.0]
    np.testing.assert_allclose(on_simplex(np.array([0.6, 0.6, -1.0])), [0.5, 0.5, 0.0])


def test_updates_by_hand():
    relatives_M = np.array([1.2, 0.8])
    even_M = np.array([0.5, 0.5])
    # w . x is 1: exp(0.05 x 1.2) against exp(0.05 x 0.8).
    ratio = np.exp(0.05 * 0.4)
    np.testing.assert_allclose(exponentiated_gradient()(even_M, relatives_M), [ratio / (1 + ratio), 1 / (1 + ratio)])
    # tau = (1 - 0.9) / 0.08 = 1.25; 0.5 - 1.25 x 0.2 = 0.25.
    np.testing.assert_allclose(passive_aggressive_mean_reversion(0.9)(even_M, relatives_M), [0.25, 0.75])

"""Traders whose rules are known."""

import numpy as np
import polars as pl
import pytest

from rookery.features.momentum import rsi
from rookery.features.state import check_bars
from rookery.labels.trader import ActionThresholds, trader_labels
from rookery.market.planted_trader import (
    CAPITAL,
    STRONG_UNITS,
    PlantedMarkets,
    best_accuracy,
    held,
    mixed_skill_trader,
    planted_bars,
    rule_trader,
)

SIZES = ActionThresholds(strong_buy=STRONG_UNITS, strong_sell=STRONG_UNITS, quantile=0.75, fitted_rows=(0, 1))
MARKETS = PlantedMarkets(markets=100)


def test_planted_bars_with_a_position_are_bars_that_states_are_made_of():
    check_bars(rule_trader(planted_bars(MARKETS, seed=0), noise=0.1, seed=0))
    check_bars(mixed_skill_trader(planted_bars(MARKETS, seed=0), seed=0))


def test_a_seed_is_its_markets():
    one, again, other = (planted_bars(MARKETS, seed=seed) for seed in (3, 3, 4))
    assert one.equals(again)
    assert not one.equals(other)


def test_without_noise_the_rule_is_followed_and_with_it_as_often_as_is_said():
    bars = planted_bars(MARKETS, seed=0)
    for noise in (0.0, 0.3):
        traded = rule_trader(bars, noise=noise, seed=1)
        action = trader_labels(traded, SIZES)["action"]
        known = action.is_not_null()
        agreed = (action.filter(known) == traded["rule_action"].filter(known)).mean()
        assert agreed == pytest.approx(best_accuracy(noise), abs=0.015)


def test_the_rule_buys_what_is_oversold():
    traded = rule_trader(planted_bars(MARKETS, seed=0), noise=0.0, seed=1)
    strength = traded.select(rsi(14))["rsi"]
    assert set(traded["rule_action"].filter(strength < 30)) == {0}
    assert set(traded["rule_action"].filter(strength > 70)) == {4}


def test_steps_persist_so_a_skilled_trader_earns():
    bars = planted_bars(PlantedMarkets(markets=300, bars=30), seed=0)
    step = np.sign(bars["close"] - bars["open"]).to_numpy().reshape(300, 30)
    followed = np.concatenate((np.zeros((300, 1)), step[:, :-1]), axis=1)
    assert held(bars, followed.ravel())["bar_return"].sum() > 0
    assert held(bars, -followed.ravel())["bar_return"].sum() < 0


def test_a_position_is_kept_at_its_average_cost():
    bars = pl.DataFrame(
        {"segment": ["a"] * 5 + ["b"], "open": [1.0, 2.0, 4.0, 8.0, 9.0, 5.0], "close": [2.0, 4.0, 8.0, 9.0, 9.0, 6.0]}
    )
    made = held(bars, [1.0, 2.0, 1.0, -1.0, 0.0, 1.0])
    assert made["entry_price"].to_list() == [1.0, 1.5, 1.5, 8.0, None, 5.0]
    assert made["net_quantity"].to_list() == [1.0, 1.0, -1.0, -2.0, 1.0, 1.0]
    assert made["unrealised_pnl"].to_list() == [1.0, 5.0, 6.5, -1.0, 0.0, 1.0]
    assert made["seconds_since_entry"].to_list() == [60.0, 120.0, 180.0, 60.0, None, 60.0]
    assert made["bar_return"].to_list() == pytest.approx(np.array([1.0, 4.0, 4.0, -1.0, 0.0, 1.0]) / CAPITAL)

"""Regimes are told from the past only, and their rows compound to the whole."""

import numpy as np
import pytest

from rookery.evaluation.regimes import LEAST_KNOWN, WINDOW, regime_sections, trend_regime, volatility_regime
from rookery.measures import simple_returns


def walk(count: int, *, seed: int = 0, spread: float = 0.001) -> np.ndarray:
    return 2_000 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, spread, count)))


def test_the_future_does_not_change_a_regime():
    price = walk(1_200)
    cut = 700
    changed = np.concatenate((price[: cut + 1], price[cut + 1 :] * 3.7))
    for regime in (volatility_regime, trend_regime):
        # Period `cut` runs from the point `cut` to the next one: it knows the prices up to `cut`.
        assert regime(changed)[: cut + 1].tolist() == regime(price)[: cut + 1].tolist()
        assert regime(price)[: cut + 1].tolist() == regime(price[: cut + 2])[: cut + 1].tolist()


def test_a_regime_is_known_once_its_window_is_full():
    price = walk(300)
    assert (trend_regime(price)[:WINDOW] == -1).all()
    assert (trend_regime(price)[WINDOW:] >= 0).all()
    assert (volatility_regime(price)[: WINDOW + LEAST_KNOWN] == -1).all()
    assert (volatility_regime(price)[WINDOW + LEAST_KNOWN :] >= 0).all()


def test_a_market_that_wakes_up_is_wild_and_one_that_falls_asleep_is_calm():
    moves = np.random.default_rng(1).normal(0, 1, 900) * np.repeat([1e-3, 1e-2, 1e-4], 300)
    regime = volatility_regime(2_000 * np.exp(np.concatenate(([0.0], np.cumsum(moves)))))
    assert (regime[340:600] == 2).mean() > 0.9
    assert (regime[640:900] == 0).all()


def test_a_steady_rise_is_rising_and_its_mirror_falling():
    steps = np.tile([0.002, 0.001], 100)
    rising = trend_regime(np.exp(np.concatenate(([0.0], np.cumsum(steps)))))
    falling = trend_regime(np.exp(-np.concatenate(([0.0], np.cumsum(steps)))))
    assert (rising[WINDOW:] == 2).all()
    assert (falling[WINDOW:] == 0).all()


def test_a_price_that_stands_still_is_sideways_and_ordinary():
    still = np.full(200, 5.0)
    assert set(trend_regime(still)[WINDOW:]) == {1}
    assert set(volatility_regime(still)[WINDOW + LEAST_KNOWN :]) == {1}


def test_rows_partition_the_periods_and_compound_to_the_total():
    price, equity = walk(2_000), walk(2_000, seed=5)
    for part in regime_sections(price, equity, period="5 min", seed=0):
        assert sum(row.periods for row in part.rows) == 1_999
        assert np.prod([1 + row.agent for row in part.rows]) == pytest.approx(equity[-1] / equity[0], rel=1e-9)
        assert np.prod([1 + row.market for row in part.rows]) == pytest.approx(price[-1] / price[0], rel=1e-9)
        assert "30 periods of 5 min before each period" in part.definition


def test_a_mean_period_is_the_mean_of_the_regimes_own_returns():
    price, equity = walk(800), walk(800, seed=3)
    part = regime_sections(price, equity, period="1 min", seed=0)[1]
    returns = simple_returns(equity)[trend_regime(price) == 2]
    row = next(one for one in part.rows if one.name == "rising")
    assert row.each_bps.value == pytest.approx(returns.mean() * 1e4)
    assert row.each_bps.low is not None


def test_a_span_shorter_than_the_window_is_not_known():
    part = regime_sections(walk(20), walk(20), period="1 min", seed=0)[0]
    assert [(row.name, row.periods) for row in part.rows] == [("not known yet", 19)]


def test_prices_must_be_positive_and_as_many_as_equities():
    with pytest.raises(ValueError, match="positive price"):
        regime_sections(np.array([1.0, 0.0]), np.ones(2), period="1 min", seed=0)
    with pytest.raises(ValueError, match="positive price"):
        regime_sections(np.ones(3), np.ones(2), period="1 min", seed=0)

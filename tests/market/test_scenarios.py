"""Invented bars have the property that they are named after."""

import numpy as np
import numpy.typing as npt
import pytest

from rookery.market.scenarios import CURRICULUM, CURRICULUM_SHARE, LEVELS, SCENARIOS, Level, ScenarioName, generate

Floats = npt.NDArray[np.float64]


def returns(name: ScenarioName, *, level: Level = "medium", instruments: int = 1, bars: int = 20_000) -> Floats:
    bars_made = generate(name, bars=bars, seed=7, level=level, instruments=instruments)
    return np.asarray(np.log(bars_made.close_TM / bars_made.open_TM))


def lag_one(values_T: Floats) -> float:
    return float(np.corrcoef(values_T[:-1], values_T[1:])[0, 1])


@pytest.mark.parametrize("name", SCENARIOS)
@pytest.mark.parametrize("level", LEVELS)
def test_every_scenario_is_valid_and_repeats(name: ScenarioName, level: Level):
    first, second = (generate(name, bars=500, seed=3, level=level, instruments=3) for _ in range(2))
    assert first.quotes().tobytes() == second.quotes().tobytes()
    assert first.quotes().tobytes() != generate(name, bars=500, seed=4, level=level, instruments=3).quotes().tobytes()


def test_bars_open_at_the_close_before():
    bars = generate("garch", bars=300, seed=0)
    np.testing.assert_allclose(bars.open_TM[1:], bars.close_TM[:-1], rtol=1e-12)


def test_a_martingale_expects_no_change_of_price():
    growth_T = np.expm1(returns("martingale", bars=200_000)[:, 0])
    assert abs(growth_T.mean()) < 3 * growth_T.std() / np.sqrt(200_000)
    assert abs(lag_one(growth_T)) < 3 / np.sqrt(200_000)


@pytest.mark.parametrize(("level", "share"), [("easy", 0.4), ("medium", 0.2), ("hard", 0.1)])
def test_a_planted_edge_shows_in_the_correlation_with_the_return_before(level: Level, share: float):
    assert lag_one(returns("planted_edge", level=level)[:, 0]) == pytest.approx(share, abs=0.025)


def test_ornstein_uhlenbeck_prices_return_to_their_mean():
    log_price_T = np.cumsum(returns("ou")[:, 0])
    assert lag_one(log_price_T) == pytest.approx(0.9, abs=0.01)


def test_garch_clusters_and_jumps_have_fat_tails():
    clustered_T, jumped_T, plain_T = (returns(name)[:, 0] for name in ("garch", "jumps", "gbm"))
    assert lag_one(clustered_T**2) > 0.1 > abs(lag_one(plain_T**2))
    kurtosis = [np.mean((r - r.mean()) ** 4) / r.var() ** 2 for r in (jumped_T, plain_T)]
    assert kurtosis[0] > 20 > 3.3 > kurtosis[1]


def test_regimes_differ_in_volatility():
    # Calm and wild states of a hundred bars each: halves of the sorted block deviations lie far apart.
    deviations = np.sort(returns("regime_switching")[:, 0].reshape(-1, 25).std(axis=1))
    assert deviations[-200:].mean() > 2 * deviations[:200].mean()


def test_correlation_is_there_and_breaks_down():
    steady_TM = returns("correlated", instruments=2)
    assert np.corrcoef(steady_TM.T)[0, 1] == pytest.approx(0.4, abs=0.03)
    broken_TM = returns("correlation_breakdown", instruments=2).reshape(-1, 1000, 2)
    assert np.corrcoef(broken_TM[:, :500].reshape(-1, 2).T)[0, 1] == pytest.approx(0.45, abs=0.03)
    assert np.corrcoef(broken_TM[:, 500:].reshape(-1, 2).T)[0, 1] == pytest.approx(0.0, abs=0.03)


def test_conditions_differ_as_their_names_say():
    volatility = {name: returns(name).std() for name in ("low_volatility", "high_volatility", "crisis", "trending")}
    assert volatility["crisis"] > volatility["high_volatility"] > volatility["trending"] > volatility["low_volatility"]
    assert returns("trending").mean() > 5 * abs(returns("ranging").mean())
    assert returns("crisis").mean() < 0


def test_sectors_take_turns():
    leader_TM = returns("sector_rotation", instruments=3, bars=15_000).reshape(-1, 250, 3).mean(axis=1)
    share = np.mean(leader_TM.argmax(axis=1) == np.arange(len(leader_TM)) % 3)
    assert share > 0.8


def test_the_curriculum_names_known_scenarios_and_its_shares_are_whole():
    assert {name for names in CURRICULUM.values() for name in names} <= set(SCENARIOS)
    assert sum(CURRICULUM_SHARE.values()) == pytest.approx(1.0)


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="no scenario 'boom'"):
        generate("boom", bars=10, seed=0)  # type: ignore[arg-type]

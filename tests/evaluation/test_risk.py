"""Risk: forecasts from the past only, tests that find planted faults, exposure over time, drawdowns and their times."""

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest
from scipy import stats

from rookery.agents.baselines import always_hold, buy_and_hold
from rookery.evaluation.backtest import Backtest, backtest
from rookery.evaluation.report.record import Risk
from rookery.evaluation.risk import exceedances, risk_section, trailing_value_at_risk
from rookery.market.costs import Costs
from rookery.measures import expected_shortfall, max_drawdown, simple_returns, value_at_risk
from rookery.types import Pair

MakeSwaps = Callable[..., pl.DataFrame]


def held(swaps: pl.DataFrame) -> Backtest:
    return backtest(swaps, buy_and_hold(swaps), costs=Costs(fee_bps=0, gas_quote=0, impact=False), pair=Pair())


@pytest.fixture
def books(make_swaps: MakeSwaps) -> Backtest:
    price = 2_000 * np.exp(np.cumsum(np.random.default_rng(3).normal(0, 1e-3, 1_500)))
    return held(make_swaps(price.tolist(), seconds=(np.arange(1_500) * 60).tolist()))


@pytest.fixture
def risk(books: Backtest) -> Risk:
    return risk_section(books, books.grid(), seed=0)


def test_a_forecast_is_the_quantile_of_the_returns_before_it():
    returns = np.random.default_rng(0).normal(0, 0.01, 400)
    forecast = trailing_value_at_risk(returns, tail=0.05)
    assert forecast.size == 150
    assert forecast[0] == pytest.approx(-np.quantile(returns[:250], 0.05))
    assert forecast[-1] == pytest.approx(-np.quantile(returns[149:399], 0.05))
    assert trailing_value_at_risk(returns[:250], tail=0.05).size == 0


def test_kupiec_agrees_with_the_likelihood_ratio_written_out():
    returns = np.random.default_rng(1).standard_t(3, 1_250) * 0.01
    found = exceedances(returns, tail=0.05)
    count, times = found.periods, found.exceedances
    assert count == 1_000
    ratio = 2 * (stats.binom.logpmf(times, count, times / count) - stats.binom.logpmf(times, count, 0.05))
    assert found.coverage.value == pytest.approx(stats.chi2.sf(ratio, 1), rel=1e-9)


def test_losses_that_come_in_a_row_fail_the_test_of_scatter():
    calm, wild = np.random.default_rng(2).normal(0, 0.001, 1_000), np.random.default_rng(3).normal(0, 0.02, 60)
    returns = np.concatenate((calm, wild, calm[:300]))
    found = exceedances(returns, tail=0.05)
    assert found.independence.value is not None
    assert found.independence.value < 0.01


def test_fair_forecasts_pass_and_forecasts_of_a_market_that_grew_wilder_fail():
    fair = np.random.default_rng(4).normal(0, 0.01, 2_000)
    assert (exceedances(fair, tail=0.05).coverage.value or 0) > 0.05
    grew = fair * np.linspace(1, 30, 2_000)
    assert (exceedances(grew, tail=0.05).coverage.value or 0) < 0.001


def test_too_few_returns_for_forecasts_are_said():
    found = exceedances(np.zeros(279), tail=0.01)
    assert (found.periods, found.coverage.value, found.coverage.note) == (0, None, "279 returns, fewer than 280")
    still = exceedances(np.zeros(600), tail=0.01)
    assert (still.coverage.value, still.coverage.note) == (None, "the returns do not vary")


def test_tails_are_the_measures_with_an_interval(books: Backtest, risk: Risk):
    returns = simple_returns(books.equity_on(books.grid()))
    tails = {one.name: one.estimate for one in risk.tails}
    for percent, tail in ((95, 0.05), (99, 0.01)):
        at_risk, beyond = tails[f"Value at risk {percent} %"], tails[f"Expected shortfall {percent} %"]
        assert at_risk.value == value_at_risk(returns, tail=tail).value
        assert beyond.value == pytest.approx(expected_shortfall(returns, tail=tail).value)
        assert at_risk.low is not None
        assert at_risk.high is not None
        assert at_risk.low <= at_risk.value <= at_risk.high  # type: ignore[operator]
    assert tails["Skewness"].value == pytest.approx(stats.skew(returns))
    assert tails["Excess kurtosis"].value == pytest.approx(stats.kurtosis(returns))
    assert tails["Worst period"].value == returns.min()


def test_exposure_counts_time_not_rows(make_swaps: MakeSwaps):
    # Bought at the second of four swaps, which stands for 900 of 1,000 seconds.
    result = held(make_swaps([100.0] * 4, seconds=[0, 60, 960, 1_000]))
    exposure = {one.name: one.estimate.value for one in risk_section(result, result.grid(), seed=0).exposure}
    assert exposure["Mean exposure"] == pytest.approx(0.94)
    assert exposure["Time in the market"] == pytest.approx(0.94)
    assert exposure["Highest exposure"] == pytest.approx(1.0)
    assert exposure["Turnover"] == pytest.approx(1.0)
    assert exposure["Turnover a day"] == pytest.approx(86.4)


def test_the_worst_drawdown_is_the_headlines_and_has_its_times(books: Backtest, risk: Risk):
    clock = books.grid()
    equity = books.equity_on(clock)
    worst = risk.falls[0]
    assert worst.depth == pytest.approx(max_drawdown(simple_returns(equity)).value)
    assert len(risk.falls) == 5
    assert [one.depth for one in risk.falls] == sorted((one.depth for one in risk.falls), reverse=True)
    times = (clock.time_ns_G1 // 1_000_000).tolist()
    start, trough = times.index(worst.start_ms), times.index(worst.trough_ms)
    assert 1 - equity[trough] / equity[start] == pytest.approx(worst.depth)
    assert start < trough
    if worst.end_ms is not None:
        assert equity[times.index(worst.end_ms)] >= equity[start] * (1 - 1e-12)


def test_an_account_that_never_trades_has_no_tails_and_no_falls(make_swaps: MakeSwaps):
    swaps = make_swaps([100.0, 101.0] * 200, seconds=(np.arange(400) * 60).tolist())
    still = backtest(swaps, always_hold(swaps), costs=Costs(), pair=Pair())
    made = risk_section(still, still.grid(), seed=0)
    assert made.falls == ()
    tails = {one.name: one.estimate for one in made.tails}
    assert tails["Skewness"].note == "the returns do not vary"
    assert tails["Value at risk 95 %"].value == 0.0
    assert {one.estimate.value for one in made.exposure} == {0.0}

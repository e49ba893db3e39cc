"""Measures against closed forms, published vectors and an independent library."""

import warnings

import numpy as np
import pytest

from rookery import measures
from rookery.measures import (
    HEADLINE,
    YEAR_S,
    cagr,
    calmar,
    drawdown_series,
    expected_shortfall,
    information_ratio,
    max_drawdown,
    periods_per_year,
    profit_factor,
    sharpe,
    simple_returns,
    sortino,
    total_return,
    turnover,
    value_at_risk,
    volatility,
    win_rate,
)

RETURNS = np.array([0.01, -0.02, 0.03, 0.005, -0.01, 0.015, -0.03, 0.02, 0.01, -0.005])
DAY_NS = 86_400 * 10**9


def value(measure: measures.Measure) -> float:
    assert measure.value is not None, measure.reason
    assert measure.reason == ""
    return measure.value


def test_the_vector_of_ten_returns():
    assert value(sharpe(RETURNS)) == pytest.approx(0.1344332145, abs=5e-11)
    assert value(sharpe(RETURNS)) * np.sqrt(10 / 9) == pytest.approx(0.1417050503, abs=5e-11)
    assert value(sortino(RETURNS)) == pytest.approx(0.2094269541, abs=5e-11)
    assert 1 + value(total_return(RETURNS)) == pytest.approx(1.0236896994, abs=5e-11)
    assert value(max_drawdown(RETURNS)) == pytest.approx(0.03, abs=1e-12)
    assert value(value_at_risk(RETURNS)) == pytest.approx(0.0255, abs=1e-12)
    assert value(expected_shortfall(RETURNS, tail=0.2)) == pytest.approx(0.025, abs=1e-12)
    assert value(expected_shortfall(RETURNS)) == pytest.approx(0.03, abs=1e-12)


def test_sortino_divides_by_all_periods_not_only_by_the_losing_ones():
    # losses -.02 -.01 -.03 -.005: squares sum to 14.25e-4, over n = 10
    assert value(sortino(RETURNS)) == pytest.approx(0.0025 / np.sqrt(14.25e-4 / 10), rel=1e-12)


def test_measures_agree_with_empyrical():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import empyrical
    returns = np.random.default_rng(7).normal(2e-4, 0.01, 700)
    year = 365.0
    pairs = [
        (total_return(returns), empyrical.cum_returns_final(returns)),
        (cagr(returns, periods_per_year=year), empyrical.annual_return(returns, annualization=year)),
        (volatility(returns, periods_per_year=year), empyrical.annual_volatility(returns, annualization=year)),
        (sharpe(returns, periods_per_year=year), empyrical.sharpe_ratio(returns, annualization=year)),
        (sortino(returns, periods_per_year=year), empyrical.sortino_ratio(returns, annualization=year)),
        (max_drawdown(returns), -empyrical.max_drawdown(returns)),
        (calmar(returns, periods_per_year=year), empyrical.calmar_ratio(returns, annualization=year)),
        (value_at_risk(returns), -empyrical.value_at_risk(returns, 0.05)),
        (expected_shortfall(returns), -empyrical.conditional_value_at_risk(returns, 0.05)),
        (information_ratio(returns, returns[::-1]), empyrical.excess_sharpe(returns, returns[::-1])),
    ]
    for ours, theirs in pairs:
        assert value(ours) == pytest.approx(float(theirs), rel=1e-12)


@pytest.mark.parametrize(("step_s", "count"), [(300, 20_000), (3_600, 2_000), (86_400, 400)])
def test_regular_series_annualise_to_their_closed_form(step_s: int, count: int):
    times = np.arange(count + 1, dtype=np.int64) * step_s * 10**9
    year = value(periods_per_year(times))
    assert year == pytest.approx(YEAR_S / step_s, rel=1e-12)
    # Equity grows by 10 % in each 365 days, with a wave of one period up, one down, that returns to its start.
    wave = np.where(np.arange(count + 1) % 2 == 0, 1.0, 1.001)
    returns = simple_returns(1.1 ** (np.arange(count + 1) * step_s / YEAR_S) * wave)
    assert value(cagr(returns, periods_per_year=year)) == pytest.approx(0.1, rel=1e-9)
    assert value(sharpe(returns, periods_per_year=year)) == pytest.approx(
        returns.mean() / np.sqrt(((returns - returns.mean()) ** 2).sum() / (count - 1)) * np.sqrt(YEAR_S / step_s),
        rel=1e-9,
    )


def test_irregular_fills_annualise_by_the_time_that_really_passed():
    gaps = np.random.default_rng(3).integers(60, 40_000, 500)
    times = np.concatenate(([0], np.cumsum(gaps))).astype(np.int64) * 10**9
    years = gaps.sum() / YEAR_S
    year = value(periods_per_year(times))
    returns = simple_returns(2.0 ** (times / (YEAR_S * 1e9)))
    assert year == pytest.approx(500 / years, rel=1e-12)
    assert value(cagr(returns, periods_per_year=year)) == pytest.approx(1.0, rel=1e-9)


def test_hourly_returns_are_not_taken_for_daily_ones():
    # 700 days of hourly returns of 0.0023 %: 22.4 % a year, not the 0.58 % of 252 periods.
    year = value(periods_per_year(np.arange(16_801, dtype=np.int64) * 3_600 * 10**9))
    assert value(cagr(np.full(16_800, 2.3e-5), periods_per_year=year)) == pytest.approx(1.000023**8_760 - 1, rel=1e-9)


def test_a_short_record_is_not_annualised():
    few = periods_per_year(np.arange(30, dtype=np.int64) * 10 * DAY_NS)
    brief = periods_per_year(np.arange(2_000, dtype=np.int64) * 60 * 10**9)
    enough = periods_per_year(np.arange(31, dtype=np.int64) * DAY_NS)
    assert few.value is None
    assert few.reason == "not annualised: 29 periods, fewer than 30"
    assert brief.value is None
    assert brief.reason == "not annualised: 1.4 days, fewer than 30"
    assert value(enough) == pytest.approx(365)
    assert periods_per_year(np.array([5])).value is None


def test_times_that_repeat_have_no_period():
    with pytest.raises(ValueError, match="rise strictly"):
        periods_per_year(np.array([0, 1, 1]))


def test_what_is_undefined_is_absent_with_its_reason():
    rising, flat = np.array([0.01, 0.02, 0.01]), np.full(50, 0.001)
    assert sortino(rising).reason == "no period lost"
    assert calmar(rising, periods_per_year=365).reason == "equity never fell"
    assert sharpe(flat).reason == "the returns do not vary"
    assert sharpe([0.01]).reason == "needs 2 returns, there are 1"
    assert total_return([]).reason == "needs 1 returns, there are 0"
    assert cagr(rising).reason == "not annualised: the record is too short"
    assert cagr([-1.5], periods_per_year=365).reason == "equity fell below 0"
    assert total_return(np.full(9, 1e300)).reason == "too large for a number"
    assert value_at_risk([]).reason == "there are no returns"
    assert win_rate([]).reason == "no trade was closed"
    assert profit_factor([1.0, 2.0]).reason == "no trade lost"
    assert turnover([5.0], []).reason == "there was no equity"
    absent = [sortino(rising), sharpe(flat), cagr(rising), total_return([]), win_rate([])]
    assert [one.value for one in absent] == [None] * 5


def test_a_constant_gain_seen_through_rounded_equity_has_no_sharpe():
    assert sharpe(simple_returns(1.001 ** np.arange(400))).value is None


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_return_that_is_no_number_is_refused(bad: float):
    with pytest.raises(ValueError, match=r"returns\[1\]"):
        sharpe([0.1, bad])


def test_total_ruin_is_a_return_of_minus_one_and_nothing_after():
    returns = simple_returns([100.0, 50.0, 0.0, 0.0])
    assert returns.tolist() == [-0.5, -1.0, 0.0]
    assert value(max_drawdown(returns)) == 1.0
    assert value(cagr(returns, periods_per_year=365)) == -1.0
    with pytest.raises(ValueError, match="negative"):
        simple_returns([1.0, -1.0])


def test_drawdown_counts_the_starting_capital_as_a_peak():
    assert drawdown_series([100.0, 90.0, 120.0, 60.0]).tolist() == pytest.approx([0.0, 0.1, 0.0, 0.5])
    assert value(max_drawdown([-0.1, 0.05])) == pytest.approx(0.1)


def test_expected_shortfall_is_never_below_value_at_risk():
    generator = np.random.default_rng(0)
    for count in range(1, 120):
        returns = generator.normal(size=count)
        assert value(expected_shortfall(returns)) >= value(value_at_risk(returns)) - 1e-12


def test_win_rate_and_profit_factor_of_four_trades():
    assert value(win_rate([3.0, -1.0, 0.0, 2.0])) == 0.5
    assert value(profit_factor([3.0, -1.0, 0.0, 2.0])) == 5.0
    assert value(turnover([500.0, -250.0], [1_000.0, 2_000.0])) == 0.5


@pytest.mark.parametrize("formula", HEADLINE, ids=lambda formula: formula.name)
def test_many_series_at_once_give_what_each_gives_alone(formula: measures.Formula):
    table = np.random.default_rng(1).normal(1e-4, 0.02, (4, 5, 60))
    together = formula.over(table, 365.0)
    assert together.shape == (4, 5)
    for place in np.ndindex(4, 5):
        assert together[place] == pytest.approx(value(formula(table[place], periods_per_year=365.0)), rel=1e-12)


def test_the_information_ratio_is_the_sharpe_ratio_of_the_active_return():
    # quantstats 0.0.86, information_ratio against 0, .001, .002, ... .009
    benchmark = np.arange(10) * 1e-3
    assert value(information_ratio(RETURNS, benchmark)) == pytest.approx(-0.10524696231684352, rel=1e-12)
    yearly = value(information_ratio(RETURNS, benchmark, periods_per_year=365.0))
    assert yearly == pytest.approx(-0.10524696231684352 * np.sqrt(365), rel=1e-12)
    assert information_ratio(RETURNS, RETURNS).reason == "the active returns do not vary"
    assert information_ratio([0.1], [0.2]).reason == "needs 2 returns, there are 1"
    with pytest.raises(ValueError, match="10 returns and 9 of the benchmark"):
        information_ratio(RETURNS, RETURNS[1:])


@pytest.mark.parametrize("formula", [cagr, volatility, sharpe, sortino], ids=lambda formula: formula.name)
def test_influence_is_the_slope_of_the_measure_in_the_weight_of_a_return(formula: measures.Formula):
    # One return more of 20,000 moves the measure by its influence / 20,000.
    returns = np.random.default_rng(5).normal(1e-3, 0.01, 40)
    many = np.tile(returns, 500)
    base = value(formula(many, periods_per_year=365.0))
    pull = formula.influence_over(many, 365.0)
    assert pull.mean() == pytest.approx(0.0, abs=1e-9 * np.abs(pull).max())
    for i in (0, 7, 23):
        more = value(formula(np.append(many, returns[i]), periods_per_year=365.0))
        assert (more - base) * many.size == pytest.approx(pull[i], rel=2e-3, abs=2e-3 * np.abs(pull).max())

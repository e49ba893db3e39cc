"""Probabilistic and deflated Sharpe ratios, track records and backtest lengths: the published figures."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kurtosis, norm, skew

from rookery.evaluation.statistics import (
    SharpeMoments,
    deflated_sharpe,
    expected_maximum_sharpe,
    minimum_backtest_years,
    minimum_track_record,
    probabilistic_sharpe,
    sharpe_moments,
)

# Bailey and Lopez de Prado 2012: a hedge fund index, monthly.
FUND = SharpeMoments(periods=24, sharpe=0.458, skewness=-2.448, kurtosis=10.164)
NORMAL = SharpeMoments(periods=24, sharpe=0.458)
# Bailey and Lopez de Prado 2014: 2.5 a year over 5 years of 250 days, variance of the trials 0.5 a year.
BEST = SharpeMoments(periods=1_250, sharpe=2.5 / np.sqrt(250), skewness=-3, kurtosis=10)
VARIANCE = 0.5 / 250


def test_the_published_probabilistic_sharpe_ratios():
    assert probabilistic_sharpe(FUND).value == pytest.approx(0.91336, abs=5e-6)
    assert probabilistic_sharpe(FUND, benchmark=0.1).value == pytest.approx(0.85643, abs=5e-6)
    assert probabilistic_sharpe(NORMAL).value == pytest.approx(0.98167, abs=5e-6)
    assert probabilistic_sharpe(NORMAL, benchmark=0.1).value == pytest.approx(0.94881, abs=5e-6)


def test_the_published_minimum_track_records():
    assert minimum_track_record(FUND, benchmark=0.1).value == pytest.approx(55.92, abs=5e-3)
    assert minimum_track_record(NORMAL, benchmark=0.1).value == pytest.approx(24.32, abs=5e-3)


def test_a_track_record_of_the_minimum_length_is_just_sure_enough():
    needed = minimum_track_record(FUND, benchmark=0.1).value
    # The formula's T - 1 is continuous: the normal quantile at that length is 95 %.
    score = (0.458 - 0.1) * np.sqrt(needed - 1) / np.sqrt(FUND.variance)
    assert norm.cdf(score) == pytest.approx(0.95)


def test_the_published_deflated_sharpe_ratios():
    assert expected_maximum_sharpe(trials=100, variance=VARIANCE) == pytest.approx(0.1131720, abs=5e-8)
    assert deflated_sharpe(BEST, trials=100, variance=VARIANCE).value == pytest.approx(0.9004, abs=5e-5)
    assert deflated_sharpe(BEST, trials=46, variance=VARIANCE).value == pytest.approx(0.9505, abs=5e-5)
    plain = SharpeMoments(periods=1_250, sharpe=2.5 / np.sqrt(250))
    assert deflated_sharpe(plain, trials=88, variance=VARIANCE).value == pytest.approx(0.9505, abs=5e-5)


def test_five_years_of_data_bear_no_more_than_45_trials():
    # Bailey, Borwein, Lopez de Prado and Zhu 2014, section 4.
    assert minimum_backtest_years(trials=45).value == pytest.approx(5.0, abs=0.01)
    assert minimum_backtest_years(trials=46).value > 5.0
    assert minimum_backtest_years(trials=45, sharpe_per_year=2.0).value == pytest.approx(1.25, abs=0.01)


@given(trials=st.floats(2, 1e6))
def test_the_backtest_length_stays_below_its_published_bound(trials: float):
    assert 0 < minimum_backtest_years(trials=trials).value < 2 * np.log(trials)


def test_the_expected_maximum_is_that_of_many_draws():
    drawn = np.random.default_rng(0).normal(0, 0.1, (4_000, 50)).max(axis=1)
    assert expected_maximum_sharpe(trials=50, variance=0.01) == pytest.approx(drawn.mean(), rel=0.02)


def test_one_trial_is_not_deflated():
    assert expected_maximum_sharpe(trials=1, variance=1.0) == 0.0
    assert deflated_sharpe(FUND, trials=1, variance=1.0) == probabilistic_sharpe(FUND)
    assert minimum_backtest_years(trials=1).reason == "one trial is not chosen among others"
    assert expected_maximum_sharpe(trials=1.1, variance=1.0) == 0.0


def test_moments_are_those_of_scipy_with_raw_kurtosis():
    returns = np.random.default_rng(1).standard_t(5, 500) * 0.01
    found = sharpe_moments(returns)
    assert found is not None
    assert found.sharpe == pytest.approx(returns.mean() / returns.std(ddof=1))
    assert found.skewness == pytest.approx(skew(returns))
    assert found.kurtosis == pytest.approx(kurtosis(returns, fisher=False))
    assert sharpe_moments(np.full(50, 0.01)) is None


def test_an_excess_kurtosis_is_told_from_a_raw_one_where_it_can_be():
    with pytest.raises(ValueError, match="add 3 to an excess kurtosis"):
        SharpeMoments(periods=24, sharpe=0.458, skewness=0.0, kurtosis=0.0)
    with pytest.raises(ValueError, match="at least 2 periods"):
        SharpeMoments(periods=1, sharpe=0.458)


def test_what_no_length_can_show_is_absent():
    assert minimum_track_record(NORMAL, benchmark=0.5).reason == "the Sharpe ratio is not above the benchmark"
    coin = SharpeMoments(periods=10, sharpe=2.0, skewness=0.0, kurtosis=1.0)
    assert probabilistic_sharpe(coin).value is not None
    # Two values only: kurtosis is 1 + g^2, the variance (1 - g SR / 2)^2, which is 0 at SR = 2 / g.
    still = SharpeMoments(periods=10, sharpe=1.0, skewness=2.0, kurtosis=5.0)
    assert probabilistic_sharpe(still).value is None


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="at least one trial"):
        expected_maximum_sharpe(trials=0.5, variance=1.0)
    with pytest.raises(ValueError, match="variance of the trials"):
        expected_maximum_sharpe(trials=5, variance=-1.0)
    with pytest.raises(ValueError, match=r"confidence is 0\.4"):
        minimum_track_record(FUND, confidence=0.4)
    with pytest.raises(ValueError, match="above 0"):
        minimum_backtest_years(trials=5, sharpe_per_year=0.0)

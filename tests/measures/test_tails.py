"""Tail losses at 95 and 99 %."""

import numpy as np
import pytest
from scipy.stats import norm

from rookery.measures import (
    TAILS,
    expected_shortfall,
    expected_shortfall_95,
    expected_shortfall_99,
    value_at_risk,
    value_at_risk_95,
    value_at_risk_99,
)


def test_normal_returns_have_the_tails_of_the_normal_law():
    # 1.644854 and 2.062713 deviations at 95 %, 2.326348 and 2.665214 at 99 %
    returns = norm.ppf((np.arange(200_000) + 0.5) / 200_000)
    expected = (1.644854, 2.326348, 2.062713, 2.665214)
    for formula, figure in zip(TAILS, expected, strict=True):
        assert formula(returns).value == pytest.approx(figure, abs=5e-4)


@pytest.mark.parametrize("count", [1, 2, 20, 21, 99, 100, 101, 1_000])
def test_the_formulas_are_the_functions_at_their_tails(count: int):
    returns = np.random.default_rng(count).normal(size=count)
    assert value_at_risk_95(returns).value == pytest.approx(value_at_risk(returns).value)
    assert value_at_risk_99(returns).value == pytest.approx(value_at_risk(returns, tail=0.01).value)
    assert expected_shortfall_95(returns).value == pytest.approx(expected_shortfall(returns).value)
    assert expected_shortfall_99(returns).value == pytest.approx(expected_shortfall(returns, tail=0.01).value)


def test_many_series_at_once_give_what_each_gives_alone():
    table = np.random.default_rng(1).normal(size=(3, 4, 50))
    for formula in TAILS:
        together = formula.over(table, None)
        assert together.shape == (3, 4)
        assert together[2, 1] == pytest.approx(formula(table[2, 1]).value)


def test_the_99_percent_tail_agrees_with_empyrical():
    import empyrical

    returns = np.random.default_rng(7).normal(2e-4, 0.01, 700)
    assert value_at_risk_99(returns).value == pytest.approx(-empyrical.value_at_risk(returns, 0.01), rel=1e-12)
    assert expected_shortfall_99(returns).value == pytest.approx(
        -empyrical.conditional_value_at_risk(returns, 0.01), rel=1e-12
    )

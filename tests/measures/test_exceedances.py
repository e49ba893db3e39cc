"""Tests of a value at risk against published figures, brute-force likelihoods and their own size."""

import numpy as np
import pytest
from scipy.stats import bernoulli, chi2

from rookery.measures import Compliance, value_at_risk_compliance


def of(exceeded: np.ndarray, *, tail: float = 0.05) -> Compliance:
    return value_at_risk_compliance(np.where(exceeded, -2.0, 0.0), 1.0, tail=tail)


def test_twenty_exceedances_in_252_days_are_the_published_3_91():
    # Jorion 2006, ch. 6: J.P. Morgan in 1998, 20 exceptions in 252 days at 95 %: LR 3.91, above 3.84.
    exceeded = np.zeros(252, dtype=bool)
    exceeded[::13] = True
    found = of(exceeded)
    assert found.exceedances == 20
    assert found.coverage.statistic.value == pytest.approx(3.91, abs=5e-3)
    assert found.coverage.p_value.value == pytest.approx(chi2.sf(found.coverage.statistic.value, 1), rel=1e-12)
    assert found.compliance.value == pytest.approx(232 / 252)
    assert found.expected == 0.95


def test_statistics_are_the_ratios_of_the_likelihoods_themselves():
    exceeded = np.random.default_rng(0).random(400) < 0.08
    exceeded[100:104] = True
    found = of(exceeded)
    free = bernoulli.logpmf(exceeded, exceeded.mean()).sum()
    assert found.coverage.statistic.value == pytest.approx(2 * (free - bernoulli.logpmf(exceeded, 0.05).sum()))
    before, after = exceeded[:-1], exceeded[1:]
    chain = sum(bernoulli.logpmf(after[before == state], after[before == state].mean()).sum() for state in (0, 1))
    alone = bernoulli.logpmf(after, after.mean()).sum()
    independence = found.independence.statistic.value
    assert independence == pytest.approx(2 * (chain - alone))
    assert found.conditional.statistic.value == pytest.approx(found.coverage.statistic.value + independence)
    assert found.conditional.p_value.value == pytest.approx(chi2.sf(found.conditional.statistic.value, 2))


def test_exceedances_in_a_row_fail_independence_but_not_coverage():
    exceeded = np.zeros(1_000, dtype=bool)
    exceeded[200:250] = True
    found = of(exceeded)
    assert found.coverage.statistic.value == 0.0
    assert found.independence.p_value.value < 1e-6
    assert found.conditional.p_value.value < 1e-6


def test_a_right_forecast_is_refused_about_as_often_as_the_level_says():
    generator = np.random.default_rng(1)
    refused = [
        (found.coverage.p_value.value < 0.05, (found.conditional.p_value.value or 0) < 0.05)
        for found in (of(generator.random(1_000) < 0.05) for _ in range(400))
    ]
    # Christoffersen's chi-squared law is approximate at this length.
    assert np.mean(refused, axis=0) == pytest.approx([0.05, 0.05], abs=0.03)


def test_what_cannot_be_tested_says_why():
    never = of(np.zeros(100, dtype=bool))
    assert never.coverage.statistic.value == pytest.approx(-200 * np.log(0.95))
    assert never.independence.statistic.reason == "no exceedance has a period after it"
    assert never.conditional.p_value.reason == "no exceedance has a period after it"
    assert of(np.ones(5, dtype=bool)).independence.p_value.reason == "every period but the last exceeded"
    assert of(np.zeros(0, dtype=bool)).compliance.reason == "there are no returns"
    assert of(np.zeros(1, dtype=bool)).independence.p_value.reason == "fewer than two returns"


def test_a_forecast_per_period_is_read_in_order_and_a_loss_of_the_limit_itself_complies():
    found = value_at_risk_compliance([-0.01, -0.03, -0.02], [0.01, 0.02, 0.03])
    assert found.exceedances == 1
    with pytest.raises(ValueError, match="1 or 3 finite"):
        value_at_risk_compliance([0.0, 0.0, 0.0], [0.1, 0.1])
    with pytest.raises(ValueError, match="tail is 0"):
        value_at_risk_compliance([0.0], 0.1, tail=0)

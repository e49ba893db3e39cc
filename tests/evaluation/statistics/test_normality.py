"""Shapiro and Wilk's test, as scipy has it."""

import numpy as np
import pytest
from scipy.stats import shapiro

from rookery.evaluation.statistics import shapiro_wilk


def test_figures_are_those_of_scipy():
    values = np.random.default_rng(0).exponential(size=40)
    found, expected = shapiro_wilk(values), shapiro(values)
    assert (found.statistic.value, found.p_value.value) == (expected.statistic, expected.pvalue)
    assert found.p_value.value < 0.01


def test_the_published_weights_of_eleven_men():
    # Shapiro and Wilk 1965, example 2: W 0.79, p about 0.01.
    found = shapiro_wilk([148, 154, 158, 160, 161, 162, 166, 170, 182, 195, 236])
    assert found.statistic.value == pytest.approx(0.79, abs=5e-3)
    assert found.p_value.value == pytest.approx(0.007, abs=5e-3)


def test_what_cannot_be_tested_says_why():
    assert shapiro_wilk([1.0, 2.0]).p_value.reason == "needs 3 values, there are 2"
    assert shapiro_wilk([1.0, 1.0, 1.0]).statistic.reason == "the values do not vary"
    many = shapiro_wilk(np.random.default_rng(1).normal(size=5_001))
    assert many.statistic.value == pytest.approx(1.0, abs=0.01)
    assert many.p_value.reason == "not known above 5,000 values"

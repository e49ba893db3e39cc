"""The test of two equal Sharpe ratios: its size, its power, its agreement with a closed form."""

import numpy as np
import pytest
from scipy.signal import lfilter

from rookery.evaluation.statistics import sharpe_difference
from rookery.measures import Floats, sharpe


def pair(seed: int, *, count: int = 240, coefficient: float = 0.0, lead: float = 0.0) -> Floats:
    """Two series of Sharpe ratio 0.1 (the first 0.1 + lead) that share half of their variance."""
    generator = np.random.default_rng(seed)
    shocks = np.sqrt(0.5) * (generator.normal(size=(1, count + 50)) + generator.normal(size=(2, count + 50)))
    walk = lfilter([1.0], [1.0, -coefficient], shocks)[:, 50:] * np.sqrt(1 - coefficient**2)
    return np.asarray(walk + np.array([[0.1 + lead], [0.1]]))


def test_the_standard_error_is_the_closed_form_of_independent_normal_pairs():
    # Jobson and Korkie 1981 with Memmel's 2003 correction, per period:
    # sqrt((2 - 2 r + (a^2 + b^2 - 2 a b r^2) / 2) / T)
    ours, theirs = pair(0, count=20_000)
    a, b, r = 0.1, 0.1, 0.5
    expected = np.sqrt((2 - 2 * r + (a**2 + b**2 - 2 * a * b * r**2) / 2) / 20_000)
    found = sharpe_difference(ours, theirs, seed=0, resamples=99)
    assert found.standard_error.value == pytest.approx(expected, rel=0.05)
    assert found.difference.value == pytest.approx(sharpe(ours).value - sharpe(theirs).value)


@pytest.mark.parametrize("coefficient", [0.0, 0.3])
def test_equal_sharpe_ratios_are_told_apart_in_one_case_of_twenty(coefficient: float):
    # Ledoit and Wolf 2008: close to the level, where a normal law with the same errors rejects too often.
    series = (pair(seed, coefficient=coefficient) for seed in range(200))
    refused = [sharpe_difference(*two, seed=0, resamples=199).p_value.value <= 0.05 for two in series]
    assert 0.01 <= np.mean(refused) <= 0.085


def test_a_large_difference_is_found():
    found = sharpe_difference(*pair(1, lead=0.3), seed=0, resamples=999)
    assert found.p_value.value == 0.001
    assert 0 < found.low.value < found.difference.value < found.high.value


def test_the_interval_and_the_p_value_agree():
    for seed in range(12):
        found = sharpe_difference(*pair(seed, lead=0.1), seed=seed, resamples=999)
        assert (found.low.value > 0 or found.high.value < 0) == (found.p_value.value < 0.0505)


def test_per_year_the_figures_grow_and_the_p_value_stays():
    per_period = sharpe_difference(*pair(2), seed=3, resamples=99)
    per_year = sharpe_difference(*pair(2), seed=3, resamples=99, periods_per_year=400.0)
    assert per_year.difference.value == pytest.approx(20 * per_period.difference.value)
    assert per_year.low.value == pytest.approx(20 * per_period.low.value)
    assert per_year.p_value == per_period.p_value


def test_what_cannot_be_tested_says_why():
    ours, theirs = pair(3)
    assert sharpe_difference(ours[:29], theirs[:29], seed=0).p_value.reason == (
        "there are 29 returns, at least 30 are needed"
    )
    assert sharpe_difference(ours, np.zeros(240), seed=0).difference.reason == "the returns do not vary"
    assert sharpe_difference(ours, 2 * ours, seed=0).p_value.reason == "the two Sharpe ratios differ by no chance"
    with pytest.raises(ValueError, match="240 returns of ours and 239 of theirs"):
        sharpe_difference(ours, theirs[1:], seed=0)


def test_the_seed_decides():
    assert sharpe_difference(*pair(4), seed=1, resamples=99) == sharpe_difference(*pair(4), seed=1, resamples=99)


def test_the_block_length_may_be_chosen():
    assert sharpe_difference(*pair(5), seed=1, resamples=99, block_length=10).block_length == 10
    with pytest.raises(ValueError, match="block_length is 121, expected 1 to half of 240 returns"):
        sharpe_difference(*pair(5), seed=1, block_length=121)

"""Interquartile means of several seeds."""

import numpy as np
import pytest
from scipy.stats import trim_mean

from rookery.evaluation.statistics import interquartile_mean


def test_the_middle_half_of_eight_scores():
    assert interquartile_mean([100.0, 1, 2, 3, 4, 5, 6, -50], seed=0).value == 3.5


@pytest.mark.parametrize("shape", [(3, 1), (5, 2), (7, 3), (10, 26)])
def test_the_value_is_the_trimmed_mean_of_scipy_over_all_seeds_and_tasks(shape: tuple[int, int]):
    scores = np.random.default_rng(1).normal(size=shape)
    assert interquartile_mean(scores, seed=0, resamples=10).value == pytest.approx(
        trim_mean(scores, proportiontocut=0.25, axis=None)
    )


def test_the_interval_is_that_of_rliable():
    # rliable 1.2.0, aggregate_iqm with 20,000 resamples of these ten seeds by six tasks: [-0.2169, 0.1987].
    found = interquartile_mean(np.random.default_rng(1).normal(size=(10, 6)), seed=0, resamples=20_000)
    assert found.value == pytest.approx(-0.01311318, abs=5e-9)
    assert (found.low, found.high) == pytest.approx((-0.21686616, 0.19874474), abs=6e-3)


def test_each_task_is_resampled_by_itself():
    # Tasks a thousand apart, seeds alike within a task: resampling across tasks would move the mean by hundreds.
    scores = np.array([[0.0, 1_000, 2_000, 3_000]]) + np.arange(5)[:, None] * 0.1
    found = interquartile_mean(scores, seed=0, resamples=500)
    assert found.value == pytest.approx(1_500.2)
    assert found.high - found.low < 1.0


def test_the_interval_holds_the_truth_of_ten_seeds_in_nine_cases_of_ten():
    # Agarwal et al. 2021 show some undercoverage at ten seeds.
    generator = np.random.default_rng(2)
    held = [
        one.low <= 0 <= one.high
        for one in (interquartile_mean(generator.normal(size=(10, 4)), seed=0, resamples=300) for _ in range(200))
    ]
    assert 0.88 <= np.mean(held) <= 0.98


def test_the_seed_decides_and_nothing_else():
    scores = np.random.default_rng(3).normal(size=(6, 3))
    assert interquartile_mean(scores, seed=4) == interquartile_mean(scores, seed=4)
    assert interquartile_mean(scores, seed=4) != interquartile_mean(scores, seed=5)


def test_too_few_seeds_have_no_interval():
    assert interquartile_mean([1.0, 3.0], seed=0).note == "no interval: 2 seeds, fewer than 3"
    assert interquartile_mean(np.ones((5, 2)), seed=0).note == "no interval: every seed scored the same"
    assert interquartile_mean(np.empty((0, 2)), seed=0).value is None
    with pytest.raises(ValueError, match="finite"):
        interquartile_mean([1.0, np.nan, 2.0], seed=0)

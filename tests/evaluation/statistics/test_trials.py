"""How many trials a heap of variants is worth."""

import numpy as np
import pytest

from rookery.evaluation.statistics import deflated_sharpe, effective_trials, sharpe_moments


def families(seed: int, *, ideas: int, variants: int, own: float) -> np.ndarray:
    generator = np.random.default_rng(seed)
    common = np.repeat(generator.normal(size=(500, ideas)), variants, axis=1)
    return common + own * generator.normal(size=common.shape)


def test_unrelated_trials_count_one_each():
    found = effective_trials(families(0, ideas=40, variants=1, own=0.0))
    assert (found.trials, found.clusters, found.effective) == (40, 40, 40.0)


def test_copies_count_once():
    one = families(0, ideas=3, variants=1, own=0.0)
    found = effective_trials(one[:, [0, 1, 0, 2, 1, 0]])
    assert found.clusters == 3
    assert found.effective == pytest.approx(3.0)
    assert found.labels.tolist() == [0, 1, 0, 2, 1, 0]


def test_variants_of_five_ideas_are_five_families_worth_a_little_more():
    # Correlation 1 / (1 + 0.3^2) = 0.917 within a family of 8: 0.917 + 0.083 x 8 = 1.58 each.
    found = effective_trials(families(1, ideas=5, variants=8, own=0.3))
    assert found.clusters == 5
    assert found.labels.tolist() == [k for k in range(5) for _ in range(8)]
    assert found.effective == pytest.approx(5 * 1.58, rel=0.02)


def test_the_order_of_the_trials_does_not_matter():
    returns = families(2, ideas=4, variants=5, own=0.4)
    order = np.random.default_rng(0).permutation(20)
    one, other = effective_trials(returns), effective_trials(returns[:, order])
    assert other.effective == pytest.approx(one.effective)
    assert other.variance.value == pytest.approx(one.variance.value)


def test_mirrored_trials_are_different_trials():
    one = families(3, ideas=1, variants=1, own=0.0)
    assert effective_trials(np.column_stack([one, -one])).clusters == 2


def test_the_larger_variance_is_taken():
    found = effective_trials(families(4, ideas=5, variants=8, own=0.3))
    both = (found.variance_of_trials.value, found.variance_of_clusters.value)
    assert found.variance.value == max(both)
    single = effective_trials(families(5, ideas=1, variants=8, own=0.3))
    assert single.variance_of_clusters.reason == "fewer than two families have a Sharpe ratio"
    assert single.variance == single.variance_of_trials


def test_trials_that_never_traded_are_one_family_without_a_sharpe_ratio():
    found = effective_trials(np.column_stack([np.zeros((500, 3)), families(6, ideas=2, variants=1, own=0.0)]))
    assert found.labels.tolist() == [0, 0, 0, 1, 2]
    assert found.effective == pytest.approx(3.0)
    alone = effective_trials(families(7, ideas=1, variants=1, own=0.0))
    assert (alone.effective, alone.variance.value) == (1.0, None)


@pytest.mark.parametrize("ideas", [40, 5])
def test_the_best_without_skill_seldom_passes_once_deflated(ideas: int):
    passed = 0
    for seed in range(100):
        returns = families(seed, ideas=ideas, variants=40 // ideas, own=0.5)
        trials = effective_trials(returns)
        best = sharpe_moments(returns[:, (returns.mean(axis=0) / returns.std(axis=0)).argmax()])
        confidence = deflated_sharpe(best, trials=trials.effective, variance=trials.variance.value)
        passed += confidence.value > 0.95
    assert passed <= 5


def test_what_cannot_be_clustered_is_refused():
    with pytest.raises(ValueError, match="at least 2 periods"):
        effective_trials(np.ones((1, 3)))
    with pytest.raises(ValueError, match="finite"):
        effective_trials(np.array([[1.0, np.nan], [0.0, 1.0]]))

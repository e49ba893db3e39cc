"""Reality check and superior predictive ability: signs, size, and arch's own figures."""

import numpy as np
import pytest

from rookery.evaluation.statistics import superiority


def noise(seed: int, *, strategies: int = 10) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.01, (250, strategies))


def test_returns_are_not_taken_for_losses():
    returns = noise(0)
    returns[:, 3] += 0.003
    found = superiority(returns, np.zeros(250), seed=1, resamples=500)
    assert found.consistent < 0.01
    assert found.reality_check < 0.01
    returns[:, 3] -= 0.006
    assert superiority(returns, np.zeros(250), seed=1, resamples=500).consistent > 0.05


def test_p_values_are_those_of_arch():
    from arch.bootstrap import SPA

    returns, benchmark = noise(1), noise(2, strategies=1)[:, 0]
    found = superiority(returns, benchmark, seed=4, resamples=200)
    test = SPA(-benchmark, -returns, block_size=found.block_length, reps=200, bootstrap="stationary", seed=4)
    test.compute()
    assert (found.lower, found.consistent, found.upper) == tuple(test.pvalues[["lower", "consistent", "upper"]])
    assert found.lower <= found.consistent <= found.upper


def test_the_best_of_many_without_skill_is_superior_in_one_case_of_twenty():
    found = [superiority(noise(seed), np.zeros(250), seed=seed, resamples=99) for seed in range(120)]
    assert np.mean([one.consistent <= 0.05 for one in found]) <= 0.1
    assert np.mean([one.reality_check <= 0.05 for one in found]) <= 0.1


def test_hopeless_strategies_weaken_the_reality_check_but_not_hansens_test():
    returns = noise(3)
    returns[:, 0] += 0.0017
    hopeless = 20 * noise(4, strategies=40) - 0.05
    both = superiority(np.column_stack([returns, hopeless]), np.zeros(250), seed=0, resamples=500)
    alone = superiority(returns, np.zeros(250), seed=0, resamples=500)
    assert both.reality_check > alone.reality_check + 0.1
    assert both.consistent == pytest.approx(alone.consistent, abs=0.05)


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(ValueError, match="strategy 1 leads the benchmark by a constant"):
        superiority(np.column_stack([noise(0)[:, 0], np.zeros(250)]), np.zeros(250), seed=0)
    with pytest.raises(ValueError, match="29 periods are too few"):
        superiority(noise(0)[:29], np.zeros(29), seed=0)
    with pytest.raises(ValueError, match="benchmark of as many periods"):
        superiority(noise(0), np.zeros(249), seed=0)
    with pytest.raises(ValueError, match="finite"):
        superiority(noise(0), np.full(250, np.nan), seed=0)

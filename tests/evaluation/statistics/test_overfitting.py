"""Probability of backtest overfitting: on noise, on skill, and by the definition written out."""

from itertools import combinations

import numpy as np
import pytest
from scipy.stats import rankdata

from rookery.evaluation.statistics import probability_of_overfitting


def noise(seed: int, *, periods: int = 240, strategies: int = 40) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.01, (periods, strategies))


def test_every_split_is_the_definition_written_out():
    returns = noise(0, periods=62, strategies=7)
    found = probability_of_overfitting(returns, blocks=6)
    blocks = np.split(returns[2:], 6)
    logits = []
    for chosen in combinations(range(6), 3):
        inside = np.concatenate([blocks[b] for b in chosen])
        outside = np.concatenate([blocks[b] for b in range(6) if b not in chosen])
        best = (inside.mean(axis=0) / inside.std(axis=0, ddof=1)).argmax()
        rank = rankdata(outside.mean(axis=0) / outside.std(axis=0, ddof=1))[best] / 8
        logits.append(np.log(rank / (1 - rank)))
    assert found.logits == pytest.approx(logits)
    assert found.probability == np.mean(np.array(logits) <= 0)
    assert (found.splits, found.periods_used) == (20, 60)


def test_noise_overfits_in_half_of_the_cases():
    found = [probability_of_overfitting(noise(seed), blocks=10).probability for seed in range(60)]
    assert np.mean(found) == pytest.approx(0.5, abs=0.05)


def test_a_strategy_that_dominates_is_never_overfitted():
    returns = noise(1)
    returns[:, 5] += 0.01
    found = probability_of_overfitting(returns)
    assert (found.probability, found.loss, found.splits) == (0.0, 0.0, 12_870)


def test_what_wins_in_one_half_by_losing_in_the_other_is_always_overfitted():
    # Each strategy earns in one block and pays for it in another.
    returns = noise(2, periods=400, strategies=10)
    returns -= returns.mean(axis=0)
    found = probability_of_overfitting(returns, blocks=10)
    assert found.probability > 0.9
    assert found.slope < -0.9


def test_equal_strategies_share_their_rank():
    one = noise(3, strategies=1)
    found = probability_of_overfitting(np.repeat(one, 5, axis=1), blocks=4)
    assert (found.logits == 0).all()
    assert found.probability == 1.0


def test_a_strategy_that_never_trades_ranks_as_a_sharpe_ratio_of_nothing():
    returns = np.column_stack([np.zeros(240), noise(4, strategies=3) - 0.01])
    found = probability_of_overfitting(returns, blocks=4)
    assert (found.in_sample == 0).all()
    assert found.probability == 0.0


def test_sixteen_blocks_of_many_strategies_stay_fast():
    import time

    returns = noise(5, periods=1_600, strategies=500)
    start = time.perf_counter()
    assert probability_of_overfitting(returns).splits == 12_870
    assert time.perf_counter() - start < 10


@pytest.mark.parametrize(
    ("shape", "blocks", "message"),
    [
        ((100, 1), 4, "at least 2 strategies"),
        ((100, 3), 5, "an even number"),
        ((100, 3), 22, "from 2 to 20"),
        ((20, 3), 16, "20 periods are too few for 16 blocks"),
    ],
)
def test_what_cannot_be_split_is_refused(shape: tuple[int, int], blocks: int, message: str):
    with pytest.raises(ValueError, match=message):
        probability_of_overfitting(np.ones(shape), blocks=blocks)


def test_a_gap_is_refused_by_its_place():
    returns = noise(6)
    returns[17, 2] = np.nan
    with pytest.raises(ValueError, match=r"returns\[17, 2\] is not a finite number"):
        probability_of_overfitting(returns)

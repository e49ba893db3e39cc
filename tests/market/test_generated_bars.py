"""Invented instruments for work without any file."""

import numpy as np
import pytest

from rookery.market.aligned import align
from rookery.market.generated_bars import GROUPS, generated_bars


def test_eight_instruments_of_three_groups_move_together():
    made = generated_bars(bars=3_000, seed=3)
    assert list(made) == [name for group in GROUPS.values() for name in group]
    aligned = align({name: loaded.table for name, loaded in made.items()})
    assert aligned.bars.shape == (3_000, 8)
    assert aligned.traded_TM.all()
    moves = np.diff(np.log(aligned.bars.close_TM), axis=0)
    correlations = np.corrcoef(moves.T)[np.triu_indices(8, 1)]
    assert np.abs(correlations - 0.4).max() < 0.08
    assert all(loaded.facts.generated for loaded in made.values())


def test_equal_seeds_give_equal_bars():
    first, again, other = (generated_bars(bars=50, seed=seed)["US30"] for seed in (1, 1, 2))
    assert first.facts.fingerprint == again.facts.fingerprint != other.facts.fingerprint
    assert first.table.equals(again.table)


def test_names_may_be_chosen_but_not_twice():
    assert list(generated_bars(bars=5, seed=0, instruments=("A", "B"))) == ["A", "B"]
    with pytest.raises(ValueError, match="different names"):
        generated_bars(bars=5, seed=0, instruments=("A", "A"))

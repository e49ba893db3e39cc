"""The ceiling on a trader whose own entropy is known."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from rookery.evaluation.identifiability import baselines
from rookery.evaluation.identifiability.ceiling import ceiling, least_entropy, least_error
from rookery.evaluation.identifiability.resampling import market_draws
from rookery.evaluation.identifiability.rows import ActionRows

MakeRows = Callable[..., ActionRows]


def test_the_neighbour_bound_is_tight_where_all_wrong_actions_are_alike():
    # Right with 0.84 and 0.04 for each of four others: two neighbours agree with chance 0.84^2 + 4 x 0.04^2.
    assert least_error(1 - (0.84**2 + 4 * 0.04**2), 5) == pytest.approx(0.16)
    assert least_error(0.0, 5) == 0.0
    assert least_error(0.8, 5) == pytest.approx(0.8)
    assert least_error(0.95, 5) == pytest.approx(0.8)


def test_the_entropy_bound_touches_the_entropy_of_equal_chances():
    for kinds in (1, 2, 3, 5):
        assert least_entropy(1 - 1 / kinds) == pytest.approx(math.log(kinds))
    # Half way between sure and two equal chances it is Hellman and Raviv's 2 ln 2 per unit of error.
    assert least_entropy(0.25) == pytest.approx(0.5 * math.log(2))


def test_the_entropy_bound_is_below_the_entropy_of_any_mix():
    for mix in np.random.default_rng(0).dirichlet(np.full(5, 0.5), 500):
        assert least_entropy(1 - mix.max()) <= -(mix * np.log(np.maximum(mix, 1e-300))).sum() + 1e-12


def test_a_planted_rule_lies_between_what_was_reached_and_the_ceiling(make_rows: MakeRows):
    train, judged = make_rows(0, markets=120), make_rows(1, markets=120)
    fitted = baselines.trees(train, judged, seed=0)
    found = ceiling(
        "trees",
        fitted.crossed_RK,
        train.actions_R,
        fitted.judged_NK,
        judged.actions_R,
        judged.market_R,
        market_draws(120, seed=0),
    )
    entropy = -(0.8 * math.log(0.8) + 0.2 * math.log(0.1))
    assert found.least_log_loss.value < entropy < found.log_loss.high  # type: ignore[operator]
    assert found.best_accuracy.value == pytest.approx(0.8, abs=0.03)
    assert found.accuracy.value == pytest.approx(0.8, abs=0.03)


def test_a_model_above_its_own_ceiling_is_said_to_be():
    # Nine judged rows in ten are sure and right; the known neighbours all did something else.
    chances = np.tile([0.9, 0.1], (40, 1))
    actions = np.where(np.arange(40) % 10 == 0, 1, 0)
    found = ceiling(
        "model",
        np.array([[0.9, 0.1]]),
        np.array([1]),
        chances,
        actions,
        np.repeat(np.arange(20), 2),
        market_draws(20, seed=0),
    )
    assert not found.holds

"""Figures of validation are what their names say, and larger is better once a minus is taken into account."""

import numpy as np
import pytest

from rookery.pipelines.specialists.config import BEST_BY
from rookery.pipelines.specialists.validating import figures, score


def test_figures_of_two_episodes_by_hand():
    found = figures(np.array([[0.10, -0.20], [-0.50, 0.10], [0.20, 0.10]]))
    assert found["total_return"] == pytest.approx(((1.1 * 0.5 * 1.2 - 1.0) + (0.8 * 1.1 * 1.1 - 1.0)) / 2)
    assert found["max_drawdown"] == pytest.approx((0.5 + 0.2) / 2)
    assert found["episodes_won"] == 0.0
    every = np.array([0.10, -0.20, -0.50, 0.10, 0.20, 0.10])
    assert found["portfolio_sharpe"] == pytest.approx(every.mean() / every.std())


def test_a_policy_that_never_traded_has_figures_of_0():
    assert set(figures(np.zeros((5, 3))).values()) == {0.0}


def test_every_figure_can_choose_and_the_one_with_a_minus_by_the_smallest():
    found = figures(np.array([[0.1], [-0.2]]))
    assert {name.removeprefix("-") for name in BEST_BY} == set(found)
    assert score(found, "-max_drawdown") == pytest.approx(-0.2)
    assert score(found, "total_return") == pytest.approx(1.1 * 0.8 - 1.0)

"""Allocation efficiency: 1 for foresight, 0 for an equal split."""

import numpy as np
import pytest
from scipy.optimize import linprog

from rookery.measures import allocation_efficiency

RETURNS = np.array([[0.03, 0.00, -0.03], [-0.01, 0.02, 0.02]])


def test_foresight_scores_one_an_equal_split_nothing_and_the_worst_choice_less():
    assert allocation_efficiency([[1, 0, 0], [0, 0.5, 0.5]], RETURNS).value == pytest.approx(1.0)
    assert allocation_efficiency(np.full((2, 3), 1 / 3), RETURNS).value == pytest.approx(0.0, abs=1e-12)
    # equal earns 0 and 1 %, the best 3 and 2 %, the worst -3 and -1 %: (-4 - 1) / (5 - 1)
    assert allocation_efficiency([[0, 0, 1], [1, 0, 0]], RETURNS).value == pytest.approx(-1.25)


def test_holding_less_is_neither_skill_nor_fault():
    weights = np.array([[0.6, 0.3, 0.1], [0.2, 0.5, 0.3]])
    half = allocation_efficiency(weights / 2, RETURNS).value
    assert half == pytest.approx(allocation_efficiency(weights, RETURNS).value)


def test_foresight_within_bounds_is_the_solution_of_the_linear_programme():
    generator = np.random.default_rng(0)
    returns = generator.normal(0, 0.01, (40, 4))
    weights = 0.1 + 0.6 * generator.dirichlet(np.ones(4), 40)
    best = sum(
        -linprog(-row, A_eq=np.ones((1, 4)), b_eq=[total], bounds=(0.1, 0.7)).fun
        for row, total in zip(returns, weights.sum(axis=1), strict=True)
    )
    equal = (weights.sum(axis=1) * returns.mean(axis=1)).sum()
    expected = ((weights * returns).sum() - equal) / (best - equal)
    assert allocation_efficiency(weights, returns, least=0.1, most=0.7).value == pytest.approx(expected)


def test_where_no_choice_could_matter_there_is_no_efficiency():
    reason = "no allocation within the bounds beats an equal split"
    assert allocation_efficiency([[0.5, 0.5]], [[0.01, 0.01]]).reason == reason
    assert allocation_efficiency([[0.5, 0.5]], [[0.01, 0.02]], least=0.5, most=0.5).reason == reason
    assert allocation_efficiency(np.empty((0, 2)), np.empty((0, 2))).reason == "there are no periods"


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match=r"weights\[0, 1\] is 0.9, outside 0.1 to 0.7"):
        allocation_efficiency([[0.1, 0.9]], [[0.0, 0.1]], least=0.1, most=0.7)
    with pytest.raises(ValueError, match="weights are"):
        allocation_efficiency([[0.1, 0.9]], [[0.0]])
    with pytest.raises(ValueError, match="finite"):
        allocation_efficiency([[0.1, 0.9]], [[0.0, np.nan]])
    with pytest.raises(ValueError, match="not of 1 axes"):
        allocation_efficiency([0.1, 0.9], [0.0, 0.1])

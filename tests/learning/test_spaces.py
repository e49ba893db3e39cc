"""Gymnasium's spaces in the policy's terms and back."""

from typing import Any

import numpy as np
from gymnasium import Space
from gymnasium.spaces import Box, Discrete, MultiDiscrete

from rookery.learning.spaces import action_space, environment_actions, environment_bounds, observation_size
from rookery.models.action_distribution import Amounts, Choices

LEVELS = Box(np.array([-1.0, 0.0], np.float32), np.array([1.0, 5.0], np.float32))


def taken(actions_NA: np.ndarray, space: Space[Any]) -> np.ndarray:
    return environment_actions(actions_NA, space, environment_bounds(space))


def test_discrete_spaces_are_choices_and_boxes_are_amounts():
    assert action_space(Discrete(3)) == Choices(sizes=(3,))
    assert action_space(MultiDiscrete([3, 5])) == Choices(sizes=(3, 5))
    assert action_space(LEVELS) == Amounts(low=(-1.0, 0.0), high=(1.0, 5.0))


def test_an_observation_is_as_long_as_its_box_has_numbers():
    assert observation_size(Box(0, 1, (4, 3))) == 12


def test_a_discrete_action_is_a_whole_number_counted_from_the_spaces_first():
    found = taken(np.array([[0.0], [2.0]], np.float32), Discrete(3, start=5))
    assert found.tolist() == [5, 7]
    assert found.dtype == np.int64


def test_amounts_are_clipped_to_the_box():
    found = taken(np.array([[3.0, -1.0], [0.5, 2.0]], np.float32), LEVELS)
    assert found.tolist() == [[1.0, 0.0], [0.5, 2.0]]


def test_several_choices_stay_side_by_side():
    found = taken(np.array([[2.0, 4.0]], np.float32), MultiDiscrete([3, 5]))
    assert found.tolist() == [[2, 4]]
    low, high = environment_bounds(MultiDiscrete([3, 5]))
    assert (low.tolist(), high.tolist()) == ([0.0, 0.0], [2.0, 4.0])

"""Gymnasium's spaces in the policy's terms."""

# N environments, A action columns, O observation

import math
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Discrete, MultiDiscrete
from numpy.typing import NDArray

from rookery.models.action_distribution import ActionSpace, Amounts, Choices

Floats = NDArray[np.float32]


def action_space(space: gymnasium.Space[Any]) -> ActionSpace:
    """Choices for Discrete and MultiDiscrete, Amounts for a flat Box. Raises ValueError for any other space."""
    if isinstance(space, Discrete):
        return Choices(sizes=(int(space.n),))
    if isinstance(space, MultiDiscrete):
        if space.nvec.ndim != 1 or space.start.any():
            raise ValueError(f"action space {space} is not a flat MultiDiscrete that starts at 0")
        return Choices(sizes=tuple(int(n) for n in space.nvec))
    if isinstance(space, Box) and len(space.shape) == 1:
        return Amounts(low=tuple(map(float, space.low)), high=tuple(map(float, space.high)))
    raise ValueError(f"action space {space} is not Discrete, MultiDiscrete or a flat Box")


def observation_size(space: gymnasium.Space[Any]) -> int:
    """Numbers in one observation. Raises ValueError unless the space is a Box."""
    if not isinstance(space, Box):
        raise ValueError(f"observation space {space} is not a Box; wrap the environment with FlattenObservation")
    return math.prod(space.shape)


def environment_bounds(space: gymnasium.Space[Any]) -> tuple[Floats, Floats]:
    """Lowest and highest value of every action column: indices for choices, the Box's bounds for amounts."""
    actions = action_space(space)
    if isinstance(actions, Choices):
        return np.zeros(len(actions.sizes), np.float32), np.array(actions.sizes, np.float32) - 1
    return np.array(actions.low, np.float32), np.array(actions.high, np.float32)


def environment_actions(actions_NA: Floats, space: gymnasium.Space[Any], bounds: tuple[Floats, Floats]) -> NDArray[Any]:
    """A policy's actions, within `environment_bounds`, as a VectorEnv with single action space `space` takes them."""
    if isinstance(space, Discrete):
        return actions_NA[:, 0].astype(np.int64) + int(space.start)
    if isinstance(space, MultiDiscrete):
        return actions_NA.astype(np.int64)
    clipped: Floats = np.clip(actions_NA, *bounds)
    return clipped

"""Generalised advantage estimation: how much better an action was than what its state promised."""

# T steps, N environments

import numba
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]


def gae(
    rewards_TN: Floats,
    values_TN: Floats,
    last_values_N: Floats,
    *,
    terminated_TN: Flags,
    truncated_TN: Flags,
    final_values_TN: Floats,
    gamma: float,
    gae_lambda: float,
) -> tuple[Floats, Floats]:
    """Advantages and returns (advantage + value), each (T, N) float32, summed in float64.

    delta = r + gamma V(next) - V; A = delta + gamma lambda A(next) (Schulman et al. 2016, eq. 16). After a termination
    V(next) is 0; after a truncation it is `final_values_TN`, the value of the observation that the episode was cut at;
    after both it is 0. `last_values_N` are the values of the observations that follow the last step.
    """
    advantages_TN = np.empty_like(rewards_TN)
    _accumulate(
        rewards_TN,
        values_TN,
        last_values_N,
        terminated_TN,
        truncated_TN,
        final_values_TN,
        gamma,
        gae_lambda,
        advantages_TN,
    )
    return advantages_TN, advantages_TN + values_TN


@numba.njit(nogil=True, cache=True)
def _accumulate(
    rewards_TN: Floats,
    values_TN: Floats,
    last_values_N: Floats,
    terminated_TN: Flags,
    truncated_TN: Flags,
    final_values_TN: Floats,
    gamma: float,
    gae_lambda: float,
    advantages_TN: Floats,
) -> None:
    steps, num_envs = rewards_TN.shape
    for n in range(num_envs):
        advantage, next_value = 0.0, float(last_values_N[n])
        for t in range(steps - 1, -1, -1):
            if terminated_TN[t, n]:
                advantage, next_value = 0.0, 0.0
            elif truncated_TN[t, n]:
                advantage, next_value = 0.0, float(final_values_TN[t, n])
            value = float(values_TN[t, n])
            delta = float(rewards_TN[t, n]) + gamma * next_value - value
            advantage = delta + gamma * gae_lambda * advantage
            advantages_TN[t, n] = np.float32(advantage)
            next_value = value

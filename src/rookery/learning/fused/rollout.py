"""Acting in a compiled environment with a compiled policy: a whole rollout in one call."""

# T steps, N environments, O observation, A action columns, P parameters

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from rookery.learning.fused.gradient import CHUNK
from rookery.learning.fused.heads import log_softmax, sample_amounts, sample_choices
from rookery.learning.fused.network import (
    FAST,
    ZERO,
    Floats,
    Network,
    activation_size,
    policy_outputs,
    state_values,
    trunk_forward,
    turn_weights,
)


class Recording(NamedTuple):
    """What a rollout leaves behind. `seen_TNO` has one row more than steps: what the next rollout starts from.

    `inputs_TNO` is `seen_TNO` itself, or its normalised copy.
    """

    seen_TNO: Floats
    inputs_TNO: Floats
    actions_TNA: Floats
    log_probs_TN: Floats
    values_TN: Floats
    rewards_TN: Floats
    terminated_TN: NDArray[np.bool_]
    truncated_TN: NDArray[np.bool_]
    final_values_TN: Floats


class Normaliser(NamedTuple):
    """Frozen observation statistics; `limit` 0 means that observations are not normalised."""

    mean_O: Floats
    scale_O: Floats
    limit: np.float32


@cache
def compiled_rollout(step: Callable[..., None]) -> Callable[..., None]:
    """A rollout kernel around an environment's own compiled `step` (see `rookery.compiled_env` for its contract)."""

    @njit(nogil=True)
    def rollout(
        network: Network,
        parameters_P: Floats,
        normaliser: Normaliser,
        env_state: Any,  # noqa: ANN401  a NamedTuple of arrays that only `step` understands
        env_params: Any,  # noqa: ANN401  likewise
        low_A: Floats,
        high_A: Floats,
        noise_TNA: Floats,
        record: Recording,
    ) -> None:
        steps, num_envs, columns = noise_TNA.shape
        final_NO = np.zeros_like(record.seen_TNO[0])
        clipped_NA = np.empty((num_envs, columns), np.float32)
        states = np.empty(activation_size(network, max(num_envs, CHUNK)), np.float32)
        turned_P, memory_XN = np.empty_like(parameters_P), np.empty((2 * network.outputs + 2, num_envs), np.float32)
        turn_weights(network, parameters_P, turned_P)
        for t in range(steps):
            actions_NA = record.actions_TNA[t]
            normalise(normaliser, record.seen_TNO[t], record.inputs_TNO[t])
            features_NH = trunk_forward(network, parameters_P, turned_P, 0, record.inputs_TNO[t], states)
            act(network, parameters_P, features_NH, noise_TNA[t], memory_XN, actions_NA, record.log_probs_TN[t])
            clip(actions_NA, low_A, high_A, clipped_NA)
            step(
                env_state,
                env_params,
                clipped_NA,
                record.seen_TNO[t + 1],
                record.rewards_TN[t],
                record.terminated_TN[t],
                record.truncated_TN[t],
                final_NO,
            )
            if record.truncated_TN[t].any():
                normalise(normaliser, final_NO, final_NO)
                values(network, parameters_P, turned_P, final_NO, states, record.final_values_TN[t])
        normalise(normaliser, record.seen_TNO[steps], record.inputs_TNO[steps])
        rows = record.inputs_TNO.reshape(((steps + 1) * num_envs, record.inputs_TNO.shape[2]))
        values(network, parameters_P, turned_P, rows, states, record.values_TN.reshape((steps + 1) * num_envs))

    kernel: Callable[..., None] = rollout
    return kernel


@njit(nogil=True, cache=True)
def act(
    network: Network,
    parameters_P: Floats,
    features_NH: Floats,
    noise_NA: Floats,
    memory_XN: Floats,
    actions_NA: Floats,
    log_prob_N: Floats,
) -> None:
    """Sample an action for every environment and note its log probability. `memory_XN` has 2 L + 2 rows to work in."""
    outputs_LN = memory_XN[: network.outputs]
    policy_outputs(network, parameters_P, features_NH, outputs_LN)
    if network.log_std_at < 0:
        probabilities_LN, scratch_2N = memory_XN[network.outputs : -2], memory_XN[-2:]
        log_softmax(outputs_LN, probabilities_LN, network.sizes_K, scratch_2N)
        sample_choices(outputs_LN, probabilities_LN, network.sizes_K, noise_NA, actions_NA, log_prob_N)
    else:
        log_std_A = parameters_P[network.log_std_at : network.log_std_at + network.outputs]
        sample_amounts(outputs_LN, log_std_A, noise_NA, actions_NA, log_prob_N)


@njit(nogil=True, cache=True)
def values(
    network: Network, parameters_P: Floats, turned_P: Floats, input_BO: Floats, states: Floats, values_B: Floats
) -> None:
    """The critic's value of every row, a chunk at a time."""
    trunk = len(network.weight_at_RD) - 1
    for start in range(0, len(input_BO), CHUNK):
        chunk_BO = input_BO[start : start + CHUNK]
        features_BH = trunk_forward(network, parameters_P, turned_P, trunk, chunk_BO, states)
        state_values(network, parameters_P, features_BH, values_B[start : start + CHUNK])


@njit(nogil=True, cache=True)
def normalise(normaliser: Normaliser, seen_NO: Floats, input_NO: Floats) -> None:
    """(x - mean) x scale, clipped to +-limit. Without a limit the two arrays are one and nothing is done."""
    limit = normaliser.limit
    if limit == ZERO:
        return
    for n in range(len(seen_NO)):
        for o in range(seen_NO.shape[1]):
            standard = (seen_NO[n, o] - normaliser.mean_O[o]) * normaliser.scale_O[o]
            input_NO[n, o] = min(max(standard, -limit), limit)


@njit(nogil=True, cache=True, fastmath=FAST)
def clip(actions_NA: Floats, low_A: Floats, high_A: Floats, clipped_NA: Floats) -> None:
    """Actions as the environment may take them."""
    for n in range(len(actions_NA)):
        for a in range(actions_NA.shape[1]):
            clipped_NA[n, a] = min(max(actions_NA[n, a], low_A[a]), high_A[a])

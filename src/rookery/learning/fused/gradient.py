"""PPO's loss of one minibatch and its gradient, in compiled code."""

# S samples of a rollout, B minibatch, O observation, A action columns, P parameters

from typing import NamedTuple

import numpy as np
from numba import njit

from rookery.learning.fused.heads import (
    amounts_backward,
    choices_backward,
    log_prob_of_amounts,
    log_prob_of_choices,
    log_softmax,
)
from rookery.learning.fused.network import (
    FAST,
    ONE,
    ZERO,
    Floats,
    Integers,
    Network,
    activation_size,
    matrix,
    policy_outputs,
    state_values,
    trunk_backward,
    trunk_forward,
)

POLICY_LOSS, VALUE_LOSS, ENTROPY, KL, CLIP_FRACTION, GRADIENT_NORM = range(6)
FIGURES = 6


class Rows(NamedTuple):
    """A rollout laid out row after row, or one minibatch of it."""

    observations_SO: Floats
    actions_SA: Floats
    log_probs_S: Floats
    values_S: Floats
    advantages_S: Floats
    returns_S: Floats


class LossSettings(NamedTuple):
    """What the loss weighs. `clip_value` below 0 means that the value loss is not clipped."""

    clip: np.float32
    clip_value: np.float32
    value_coefficient: np.float32
    entropy_coefficient: np.float32
    normalise_advantages: bool


class Workspace(NamedTuple):
    """Memory that every minibatch uses again."""

    batch: Rows
    states: Floats
    other_states: Floats
    upstream: Floats
    spare: Floats
    outputs: Floats
    values_B: Floats
    log_probs_B: Floats
    slope_B: Floats
    scratch_B: Floats


@njit(nogil=True, cache=True)
def workspace(network: Network, samples: Rows, batch: int) -> Workspace:
    """Memory for minibatches of up to `batch` rows."""
    rows = Rows(
        np.empty((batch, samples.observations_SO.shape[1]), np.float32),
        np.empty((batch, samples.actions_SA.shape[1]), np.float32),
        np.empty(batch, np.float32),
        np.empty(batch, np.float32),
        np.empty(batch, np.float32),
        np.empty(batch, np.float32),
    )
    states = activation_size(network, batch)
    widest = batch * network.widths.max()
    return Workspace(
        rows,
        np.empty(states, np.float32),
        np.empty(states, np.float32),
        np.empty(widest, np.float32),
        np.empty(widest, np.float32),
        np.empty(network.outputs * batch, np.float32),
        np.empty(batch, np.float32),
        np.empty(batch, np.float32),
        np.empty(batch, np.float32),
        np.empty(batch, np.float32),
    )


@njit(nogil=True, cache=True)
def gather(samples: Rows, rows_B: Integers, into: Rows) -> Rows:
    """Copy the minibatch `rows_B` into `into`; returns views of its rows."""
    for b in range(len(rows_B)):
        row = rows_B[b]
        for j in range(samples.observations_SO.shape[1]):
            into.observations_SO[b, j] = samples.observations_SO[row, j]
        for j in range(samples.actions_SA.shape[1]):
            into.actions_SA[b, j] = samples.actions_SA[row, j]
        into.log_probs_S[b] = samples.log_probs_S[row]
        into.values_S[b] = samples.values_S[row]
        into.advantages_S[b] = samples.advantages_S[row]
        into.returns_S[b] = samples.returns_S[row]
    size = len(rows_B)
    return Rows(
        into.observations_SO[:size],
        into.actions_SA[:size],
        into.log_probs_S[:size],
        into.values_S[:size],
        into.advantages_S[:size],
        into.returns_S[:size],
    )


@njit(nogil=True, cache=True, error_model="numpy")
def normalise(advantages_B: Floats) -> None:
    """(a - mean) / (sample std + 1e-8), as torch's std; one sample alone is left as it is."""
    count = len(advantages_B)
    if count < 2:
        return
    total, squares = 0.0, 0.0
    for b in range(count):
        total += advantages_B[b]
    mean = total / count
    for b in range(count):
        squares += (advantages_B[b] - mean) ** 2
    scale = np.float32(1.0 / (np.sqrt(squares / (count - 1)) + 1e-8))
    centre = np.float32(mean)
    for b in range(count):
        advantages_B[b] = (advantages_B[b] - centre) * scale


@njit(nogil=True, cache=True)
def loss_gradient(
    network: Network,
    parameters_P: Floats,
    gradients_P: Floats,
    batch: Rows,
    settings: LossSettings,
    work: Workspace,
    figures: Floats,
) -> None:
    """Fill `gradients_P` with the gradient of the minibatch's mean loss, and `figures` with its parts.

    L = mean(-min(r A, clip(r) A)) + c_v mean((V - R)^2) - c_e mean(H) (Schulman et al. 2017, eq. 9).
    """
    size = len(batch.log_probs_S)
    if settings.normalise_advantages:
        normalise(batch.advantages_S)
    trunks = len(network.weight_at_RD)
    width = network.widths[-1]
    last = trunk_forward(network, parameters_P, 0, batch.observations_SO, work.states)
    critic_states = work.states
    if trunks == 2:
        critic_states = work.other_states
        trunk_forward(network, parameters_P, 1, batch.observations_SO, critic_states)
    features_BH, critic_BH = matrix(work.states, last, size, width), matrix(critic_states, last, size, width)
    upstream_BH = matrix(work.upstream, 0, size, width)
    _policy_gradient(network, parameters_P, gradients_P, features_BH, batch, settings, work, figures)
    outputs_LB = matrix(work.outputs, 0, network.outputs, size)
    np.dot(outputs_LB.T, matrix(parameters_P, network.policy_weight_at, network.outputs, width), upstream_BH)
    if trunks == 2:
        trunk_backward(
            network, parameters_P, gradients_P, 0, batch.observations_SO, work.states, work.upstream, work.spare
        )
        upstream_BH[:] = ZERO
    _value_gradient(network, parameters_P, gradients_P, critic_BH, batch, settings, work, figures)
    _add_outer(
        upstream_BH, work.slope_B[:size], parameters_P[network.value_weight_at : network.value_weight_at + width]
    )
    trunk_backward(
        network, parameters_P, gradients_P, trunks - 1, batch.observations_SO, critic_states, work.upstream, work.spare
    )


@njit(nogil=True, cache=True)
def _policy_gradient(
    network: Network,
    parameters_P: Floats,
    gradients_P: Floats,
    features_BH: Floats,
    batch: Rows,
    settings: LossSettings,
    work: Workspace,
    figures: Floats,
) -> None:
    size, width = features_BH.shape
    outputs_LB = matrix(work.outputs, 0, network.outputs, size)
    log_probs_B, slope_B, scratch_B = work.log_probs_B[:size], work.slope_B[:size], work.scratch_B[:size]
    policy_outputs(network, parameters_P, features_BH, outputs_LB)
    entropy_slope = -settings.entropy_coefficient / np.float32(size)
    if network.log_std_at < 0:
        log_softmax(outputs_LB, network.sizes_K, scratch_B)
        log_prob_of_choices(outputs_LB, network.sizes_K, batch.actions_SA, log_probs_B)
        _surrogate(log_probs_B, batch, settings.clip, slope_B, figures)
        figures[ENTROPY] = choices_backward(
            outputs_LB, network.sizes_K, batch.actions_SA, slope_B, entropy_slope, scratch_B
        )
    else:
        log_std_A = parameters_P[network.log_std_at : network.log_std_at + network.outputs]
        log_std_gradient_A = gradients_P[network.log_std_at : network.log_std_at + network.outputs]
        log_prob_of_amounts(outputs_LB, log_std_A, batch.actions_SA, log_probs_B)
        _surrogate(log_probs_B, batch, settings.clip, slope_B, figures)
        figures[ENTROPY] = amounts_backward(
            outputs_LB, log_std_A, batch.actions_SA, slope_B, entropy_slope, log_std_gradient_A
        )
    np.dot(outputs_LB, features_BH, matrix(gradients_P, network.policy_weight_at, network.outputs, width))
    for k in range(network.outputs):
        gradients_P[network.policy_bias_at + k] = outputs_LB[k].sum()


@njit(nogil=True, cache=True, fastmath=FAST, error_model="numpy")
def _surrogate(log_probs_B: Floats, batch: Rows, clip: np.float32, slope_B: Floats, figures: Floats) -> None:
    """Fill `slope_B` with dL/dlog p of the clipped surrogate: -r A / B where the unclipped term is the smaller."""
    size = len(log_probs_B)
    loss, divergence, clipped = ZERO, ZERO, ZERO
    for b in range(size):
        log_ratio = log_probs_B[b] - batch.log_probs_S[b]
        ratio = np.exp(log_ratio)
        bounded = min(max(ratio, ONE - clip), ONE + clip)
        plain, held = ratio * batch.advantages_S[b], bounded * batch.advantages_S[b]
        slope_B[b] = -plain / np.float32(size) if plain <= held else ZERO
        loss -= min(plain, held)
        divergence += (ratio - ONE) - log_ratio
        clipped += ONE if abs(ratio - ONE) > clip else ZERO
    figures[POLICY_LOSS] = loss / np.float32(size)
    figures[KL] = divergence / np.float32(size)
    figures[CLIP_FRACTION] = clipped / np.float32(size)


@njit(nogil=True, cache=True)
def _value_gradient(
    network: Network,
    parameters_P: Floats,
    gradients_P: Floats,
    features_BH: Floats,
    batch: Rows,
    settings: LossSettings,
    work: Workspace,
    figures: Floats,
) -> None:
    """Fill the value head's gradients, and `work.slope_B` with dL/dV."""
    size, width = features_BH.shape
    values_B, slope_B = work.values_B[:size], work.slope_B[:size]
    state_values(network, parameters_P, features_BH, values_B)
    figures[VALUE_LOSS] = _squared_error(values_B, batch, settings, slope_B)
    np.dot(slope_B.reshape((1, size)), features_BH, matrix(gradients_P, network.value_weight_at, 1, width))
    gradients_P[network.value_bias_at] = slope_B.sum()


@njit(nogil=True, cache=True, fastmath=FAST, error_model="numpy")
def _squared_error(values_B: Floats, batch: Rows, settings: LossSettings, slope_B: Floats) -> np.float32:
    """Mean squared error, the larger of plain and clipped when `clip_value` is set, and its weighted slope."""
    size = len(values_B)
    total, clip = ZERO, settings.clip_value
    factor = np.float32(2.0) * settings.value_coefficient / np.float32(size)
    for b in range(size):
        error = values_B[b] - batch.returns_S[b]
        slope = factor * error
        if clip >= ZERO:
            change = values_B[b] - batch.values_S[b]
            held = batch.values_S[b] + min(max(change, -clip), clip) - batch.returns_S[b]
            if held * held > error * error:
                error = held
                slope = ZERO if abs(change) > clip else factor * held
        total += error * error
        slope_B[b] = slope
    return total / np.float32(size)


@njit(nogil=True, cache=True, fastmath=FAST)
def _add_outer(matrix_BH: Floats, column_B: Floats, row_H: Floats) -> None:
    for b in range(len(column_B)):
        for h in range(len(row_H)):
            matrix_BH[b, h] += column_B[b] * row_H[h]

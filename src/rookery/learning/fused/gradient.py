"""PPO's loss of one minibatch and its gradient, in compiled code."""

# S samples of a rollout, B minibatch, O observation, A action columns, P parameters

from typing import NamedTuple

import numpy as np
from numba import njit

from rookery.learning.fused.heads import (
    amounts_backward,
    choices_backward,
    exponential,
    log_prob_of_amounts,
    log_prob_of_choices,
    log_softmax,
    total_of,
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
    turn_weights,
)

POLICY_LOSS, VALUE_LOSS, ENTROPY, KL, CLIP_FRACTION, GRADIENT_NORM = range(6)
FIGURES = 6
# Rows worked on at once: products of 64 x 64 nets stay below the million multiply-adds up to which OpenBLAS multiplies
# without packing its operands first, and a layer's activations stay in the first-level cache.
CHUNK = 128


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
    """Memory that every minibatch uses again. All but `batch` serve one chunk of rows."""

    batch: Rows
    turned_P: Floats
    more_P: Floats
    states: Floats
    other_states: Floats
    upstream: Floats
    spare: Floats
    outputs: Floats
    probabilities: Floats
    values_B: Floats
    log_probs_B: Floats
    slope_B: Floats
    scratch: Floats


@njit(nogil=True, cache=True)
def workspace(network: Network, parameters_P: Floats, samples: Rows, batch_size: int) -> Workspace:
    """Memory for minibatches of up to `batch_size` rows."""
    rows = Rows(
        np.empty((batch_size, samples.observations_SO.shape[1]), np.float32),
        np.empty((batch_size, samples.actions_SA.shape[1]), np.float32),
        np.empty(batch_size, np.float32),
        np.empty(batch_size, np.float32),
        np.empty(batch_size, np.float32),
        np.empty(batch_size, np.float32),
    )
    states = activation_size(network, CHUNK)
    widest = CHUNK * network.widths.max()
    return Workspace(
        rows,
        np.empty_like(parameters_P),
        np.empty_like(parameters_P),
        np.empty(states, np.float32),
        np.empty(states, np.float32),
        np.empty(widest, np.float32),
        np.empty(widest, np.float32),
        np.empty(network.outputs * CHUNK, np.float32),
        np.empty(network.outputs * CHUNK, np.float32),
        np.empty(CHUNK, np.float32),
        np.empty(CHUNK, np.float32),
        np.empty(CHUNK, np.float32),
        np.empty(2 * CHUNK, np.float32),
    )


@njit(nogil=True, cache=True)
def gather(samples: Rows, rows_B: Integers, into: Rows) -> Rows:
    """Copy the minibatch `rows_B` into `into`; returns views of its rows."""
    _gather_matrix(samples.observations_SO, rows_B, into.observations_SO)
    _gather_matrix(samples.actions_SA, rows_B, into.actions_SA)
    _gather_vector(samples.log_probs_S, rows_B, into.log_probs_S)
    _gather_vector(samples.values_S, rows_B, into.values_S)
    _gather_vector(samples.advantages_S, rows_B, into.advantages_S)
    _gather_vector(samples.returns_S, rows_B, into.returns_S)
    return between(into, 0, len(rows_B))


@njit(nogil=True, cache=True)
def _gather_matrix(source_SX: Floats, rows_B: Integers, into_BX: Floats) -> None:
    columns = source_SX.shape[1]
    for b in range(len(rows_B)):
        row = rows_B[b]
        for x in range(columns):
            into_BX[b, x] = source_SX[row, x]


@njit(nogil=True, cache=True)
def _gather_vector(source_S: Floats, rows_B: Integers, into_B: Floats) -> None:
    for b in range(len(rows_B)):
        into_B[b] = source_S[rows_B[b]]


@njit(nogil=True, cache=True)
def between(rows: Rows, start: int, end: int) -> Rows:
    """Views of the rows from `start` to before `end`."""
    return Rows(
        rows.observations_SO[start:end],
        rows.actions_SA[start:end],
        rows.log_probs_S[start:end],
        rows.values_S[start:end],
        rows.advantages_S[start:end],
        rows.returns_S[start:end],
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
    turn_weights(network, parameters_P, work.turned_P)
    figures[:] = ZERO
    share = ONE / np.float32(size)
    _chunk_gradient(network, parameters_P, gradients_P, between(batch, 0, CHUNK), share, settings, work, figures)
    for start in range(CHUNK, size, CHUNK):
        chunk = between(batch, start, start + CHUNK)
        _chunk_gradient(network, parameters_P, work.more_P, chunk, share, settings, work, figures)
        gradients_P += work.more_P


@njit(nogil=True, cache=True)
def _chunk_gradient(
    network: Network,
    parameters_P: Floats,
    gradients_P: Floats,
    chunk: Rows,
    share: np.float32,
    settings: LossSettings,
    work: Workspace,
    figures: Floats,
) -> None:
    """Fill `gradients_P` with what a chunk of rows, each of weight `share`, adds to the gradient; add to `figures`."""
    observations_BO = chunk.observations_SO
    size, width, trunks = len(observations_BO), network.widths[-1], len(network.weight_at_RD)
    critic_states = work.states if trunks == 1 else work.other_states
    actor_BH = trunk_forward(network, parameters_P, work.turned_P, 0, observations_BO, work.states)
    critic_BH = actor_BH
    if trunks == 2:
        critic_BH = trunk_forward(network, parameters_P, work.turned_P, 1, observations_BO, critic_states)
    outputs_LB = _policy_gradient(network, parameters_P, gradients_P, actor_BH, chunk, share, settings, work, figures)
    _value_gradient(network, parameters_P, gradients_P, critic_BH, chunk, share, settings, work, figures)
    upstream_BH = matrix(work.upstream, 0, size, width)
    policy_weight_LH = matrix(parameters_P, network.policy_weight_at, network.outputs, width)
    value_weight_H = parameters_P[network.value_weight_at : network.value_weight_at + width]
    np.dot(outputs_LB.T, policy_weight_LH, upstream_BH)
    if trunks == 2:
        trunk_backward(network, parameters_P, gradients_P, 0, observations_BO, work.states, work.upstream, work.spare)
        upstream_BH[:] = ZERO
    _add_outer(upstream_BH, work.slope_B[:size], value_weight_H)
    trunk_backward(
        network, parameters_P, gradients_P, trunks - 1, observations_BO, critic_states, work.upstream, work.spare
    )


@njit(nogil=True, cache=True)
def _policy_gradient(
    network: Network,
    parameters_P: Floats,
    gradients_P: Floats,
    features_BH: Floats,
    chunk: Rows,
    share: np.float32,
    settings: LossSettings,
    work: Workspace,
    figures: Floats,
) -> Floats:
    """Fill the policy head's gradients; returns the loss's gradients of the policy outputs (L, B)."""
    size, width = features_BH.shape
    outputs_LB = matrix(work.outputs, 0, network.outputs, size)
    log_probs_B, slope_B = work.log_probs_B[:size], work.slope_B[:size]
    policy_outputs(network, parameters_P, features_BH, outputs_LB)
    entropy_slope = -settings.entropy_coefficient * share
    if network.log_std_at < 0:
        probabilities_LB, scratch_2B = (
            matrix(work.probabilities, 0, network.outputs, size),
            matrix(work.scratch, 0, 2, size),
        )
        log_softmax(outputs_LB, probabilities_LB, network.sizes_K, scratch_2B)
        log_prob_of_choices(outputs_LB, network.sizes_K, chunk.actions_SA, log_probs_B)
        _surrogate(log_probs_B, chunk, share, settings.clip, slope_B, figures)
        figures[ENTROPY] += share * choices_backward(
            outputs_LB, probabilities_LB, network.sizes_K, chunk.actions_SA, slope_B, entropy_slope, scratch_2B[0]
        )
    else:
        log_std_A = parameters_P[network.log_std_at : network.log_std_at + network.outputs]
        log_std_gradient_A = gradients_P[network.log_std_at : network.log_std_at + network.outputs]
        log_prob_of_amounts(outputs_LB, log_std_A, chunk.actions_SA, log_probs_B)
        _surrogate(log_probs_B, chunk, share, settings.clip, slope_B, figures)
        figures[ENTROPY] += share * amounts_backward(
            outputs_LB, log_std_A, chunk.actions_SA, slope_B, entropy_slope, log_std_gradient_A
        )
    np.dot(outputs_LB, features_BH, matrix(gradients_P, network.policy_weight_at, network.outputs, width))
    for k in range(network.outputs):
        gradients_P[network.policy_bias_at + k] = total_of(outputs_LB[k])
    return outputs_LB


@njit(nogil=True, cache=True, fastmath=FAST, error_model="numpy")
def _surrogate(
    log_probs_B: Floats, chunk: Rows, share: np.float32, clip: np.float32, slope_B: Floats, figures: Floats
) -> None:
    """Fill `slope_B` with dL/dlog p of the clipped surrogate: -r A `share` where the unclipped term is the smaller."""
    loss, divergence, clipped = ZERO, ZERO, ZERO
    for b in range(len(log_probs_B)):
        log_ratio = log_probs_B[b] - chunk.log_probs_S[b]
        ratio = exponential(log_ratio)
        plain = ratio * chunk.advantages_S[b]
        held = min(max(ratio, ONE - clip), ONE + clip) * chunk.advantages_S[b]
        slope_B[b] = -plain * share if plain <= held else ZERO
        loss -= min(plain, held)
        divergence += (ratio - ONE) - log_ratio
        clipped += ONE if abs(ratio - ONE) > clip else ZERO
    figures[POLICY_LOSS] += loss * share
    figures[KL] += divergence * share
    figures[CLIP_FRACTION] += clipped * share


@njit(nogil=True, cache=True)
def _value_gradient(
    network: Network,
    parameters_P: Floats,
    gradients_P: Floats,
    features_BH: Floats,
    chunk: Rows,
    share: np.float32,
    settings: LossSettings,
    work: Workspace,
    figures: Floats,
) -> None:
    """Fill the value head's gradients, and `work.slope_B` with dL/dV."""
    size, width = features_BH.shape
    values_B, slope_B = work.values_B[:size], work.slope_B[:size]
    state_values(network, parameters_P, features_BH, values_B)
    weight, clip = settings.value_coefficient * share, settings.clip_value
    if clip < ZERO:
        total = _squared_error(values_B, chunk.returns_S, weight, slope_B)
    else:
        total = _clipped_squared_error(values_B, chunk.values_S, chunk.returns_S, clip, weight, slope_B)
    figures[VALUE_LOSS] += share * total
    _weigh_rows(slope_B, features_BH, gradients_P[network.value_weight_at : network.value_weight_at + width])
    gradients_P[network.value_bias_at] = total_of(slope_B)


@njit(nogil=True, cache=True, fastmath=FAST, error_model="numpy")
def _squared_error(values_B: Floats, returns_B: Floats, weight: np.float32, slope_B: Floats) -> np.float32:
    """Sum of squared errors; `slope_B` becomes `weight` times the slope of each."""
    total, factor = ZERO, np.float32(2.0) * weight
    for b in range(len(values_B)):
        error = values_B[b] - returns_B[b]
        total += error * error
        slope_B[b] = factor * error
    return total


@njit(nogil=True, cache=True, fastmath=FAST, error_model="numpy")
def _clipped_squared_error(
    values_B: Floats, old_values_B: Floats, returns_B: Floats, clip: np.float32, weight: np.float32, slope_B: Floats
) -> np.float32:
    """The same, of the larger of the error and that of a value held within `clip` of the old one."""
    total, factor = ZERO, np.float32(2.0) * weight
    for b in range(len(values_B)):
        error, change = values_B[b] - returns_B[b], values_B[b] - old_values_B[b]
        held = old_values_B[b] + min(max(change, -clip), clip) - returns_B[b]
        slope = factor * error
        if held * held > error * error:
            error = held
            slope = ZERO if abs(change) > clip else factor * held
        total += error * error
        slope_B[b] = slope
    return total


@njit(nogil=True, cache=True, fastmath=FAST)
def _weigh_rows(weight_B: Floats, rows_BH: Floats, sum_H: Floats) -> None:
    """The weighted sum of rows."""
    sum_H[:] = ZERO
    for b in range(len(weight_B)):
        for h in range(len(sum_H)):
            sum_H[h] += weight_B[b] * rows_BH[b, h]


@njit(nogil=True, cache=True, fastmath=FAST)
def _add_outer(matrix_BH: Floats, column_B: Floats, row_H: Floats) -> None:
    for b in range(len(column_B)):
        for h in range(len(row_H)):
            matrix_BH[b, h] += column_B[b] * row_H[h]

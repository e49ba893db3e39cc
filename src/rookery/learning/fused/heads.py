"""What policy outputs mean in compiled code: sampling, and the gradients of log-probability and entropy."""

# B batch, L policy outputs, K components, A amounts (columns of an action: K or A)

import math

import numpy as np
from numba import njit

from rookery.learning.fused.network import FAST, ONE, ZERO, Floats, Integers

_HALF = np.float32(0.5)
_HALF_LOG_2PI = np.float32(0.5 * math.log(2.0 * math.pi))


@njit(nogil=True, cache=True, error_model="numpy")
def log_softmax(outputs_LB: Floats, sizes_K: Integers, scratch_B: Floats) -> None:
    """Turn every component's logits into log probabilities, in place."""
    first = 0
    for size in sizes_K:
        part_NB = outputs_LB[first : first + size]
        scratch_B[:] = part_NB[0]
        for i in range(1, size):
            np.maximum(scratch_B, part_NB[i], scratch_B)
        _subtract_log_sum(part_NB, scratch_B)
        first += size


@njit(nogil=True, cache=True, fastmath=FAST, error_model="numpy")
def _subtract_log_sum(part_NB: Floats, largest_B: Floats) -> None:
    size, batch = part_NB.shape
    for b in range(batch):
        total = ZERO
        for i in range(size):
            total += np.exp(part_NB[i, b] - largest_B[b])
        shift = largest_B[b] + np.log(total)
        for i in range(size):
            part_NB[i, b] -= shift


@njit(nogil=True, cache=True)
def sample_choices(
    log_probabilities_LB: Floats, sizes_K: Integers, noise_BA: Floats, actions_BA: Floats, log_prob_B: Floats
) -> None:
    """Invert each cumulative distribution at uniform `noise_BA`, as models.action_distribution.Categorical does."""
    for b in range(len(log_prob_B)):
        log_prob_B[b] = ZERO
        first = 0
        for k in range(len(sizes_K)):
            size = sizes_K[k]
            total = ZERO
            for i in range(first, first + size):
                total += np.exp(log_probabilities_LB[i, b])
            threshold, cumulative, choice = noise_BA[b, k] * total, ZERO, 0
            for i in range(first, first + size):
                cumulative += np.exp(log_probabilities_LB[i, b])
                if cumulative <= threshold:
                    choice += 1
            actions_BA[b, k] = np.float32(choice)
            log_prob_B[b] += log_probabilities_LB[first + choice, b]
            first += size


@njit(nogil=True, cache=True)
def sample_amounts(
    means_LB: Floats, log_std_A: Floats, noise_BA: Floats, actions_BA: Floats, log_prob_B: Floats
) -> None:
    """mean + std x standard normal `noise_BA`."""
    for b in range(len(log_prob_B)):
        log_prob_B[b] = ZERO
        for a in range(len(log_std_A)):
            deviation = np.exp(log_std_A[a]) * noise_BA[b, a]
            actions_BA[b, a] = means_LB[a, b] + deviation
            standard = (actions_BA[b, a] - means_LB[a, b]) * np.exp(-log_std_A[a])
            log_prob_B[b] += -_HALF * standard * standard - log_std_A[a] - _HALF_LOG_2PI


@njit(nogil=True, cache=True, fastmath=FAST, error_model="numpy")
def log_prob_of_choices(
    log_probabilities_LB: Floats, sizes_K: Integers, actions_BA: Floats, log_prob_B: Floats
) -> None:
    """Log probability of stored actions."""
    log_prob_B[:] = ZERO
    first = 0
    for k in range(len(sizes_K)):
        for b in range(len(log_prob_B)):
            log_prob_B[b] += log_probabilities_LB[first + int(actions_BA[b, k]), b]
        first += sizes_K[k]


@njit(nogil=True, cache=True, fastmath=FAST, error_model="numpy")
def log_prob_of_amounts(means_LB: Floats, log_std_A: Floats, actions_BA: Floats, log_prob_B: Floats) -> None:
    """Log density of stored actions."""
    log_prob_B[:] = ZERO
    for a in range(len(log_std_A)):
        precision, offset = np.exp(-log_std_A[a]), log_std_A[a] + _HALF_LOG_2PI
        for b in range(len(log_prob_B)):
            standard = (actions_BA[b, a] - means_LB[a, b]) * precision
            log_prob_B[b] -= _HALF * standard * standard + offset


@njit(nogil=True, cache=True, fastmath=FAST, error_model="numpy")
def choices_backward(
    log_probabilities_LB: Floats,
    sizes_K: Integers,
    actions_BA: Floats,
    slope_B: Floats,
    entropy_slope: np.float32,
    scratch_B: Floats,
) -> float:
    """Replace log probabilities by the loss's gradients of the logits; returns the batch's mean entropy.

    With `slope_B` = dL/dlog p(action) and `entropy_slope` = dL/dH of one row, dL/dz_i = slope (1[i = action] - p_i)
    - entropy_slope p_i (log p_i + H_k), since dH_k/dz_i = -p_i (log p_i + H_k).
    """
    total, first, batch = 0.0, 0, len(slope_B)
    for k in range(len(sizes_K)):
        part_NB = log_probabilities_LB[first : first + sizes_K[k]]
        total += _entropy(part_NB, scratch_B)
        for i in range(sizes_K[k]):
            for b in range(batch):
                log_probability = part_NB[i, b]
                probability = np.exp(log_probability)
                chosen = ONE if actions_BA[b, k] == np.float32(i) else ZERO
                part_NB[i, b] = slope_B[b] * (chosen - probability) - entropy_slope * probability * (
                    log_probability + scratch_B[b]
                )
        first += sizes_K[k]
    return total / batch


@njit(nogil=True, cache=True, fastmath=FAST, error_model="numpy")
def _entropy(part_NB: Floats, entropy_B: Floats) -> float:
    """Fill `entropy_B` with -sum p log p and return its sum."""
    total = 0.0
    for b in range(len(entropy_B)):
        entropy = ZERO
        for i in range(len(part_NB)):
            entropy -= np.exp(part_NB[i, b]) * part_NB[i, b]
        entropy_B[b] = entropy
        total += float(entropy)
    return total


@njit(nogil=True, cache=True, fastmath=FAST, error_model="numpy")
def amounts_backward(
    means_LB: Floats,
    log_std_A: Floats,
    actions_BA: Floats,
    slope_B: Floats,
    entropy_slope: np.float32,
    log_std_gradient_A: Floats,
) -> float:
    """Replace means by the loss's gradients of them and fill those of log std; returns the entropy (of every row).

    d log p/d mean = (a - mean) / std^2, d log p/d log std = ((a - mean) / std)^2 - 1, dH/d log std = 1.
    """
    entropy, batch = 0.0, len(slope_B)
    for a in range(len(log_std_A)):
        precision, gradient = np.exp(-log_std_A[a]), ZERO
        for b in range(batch):
            standard = (actions_BA[b, a] - means_LB[a, b]) * precision
            gradient += slope_B[b] * (standard * standard - ONE)
            means_LB[a, b] = slope_B[b] * standard * precision
        log_std_gradient_A[a] = gradient + entropy_slope * np.float32(batch)
        entropy += float(log_std_A[a] + _HALF_LOG_2PI + _HALF)
    return entropy

"""What policy outputs mean in compiled code: sampling, and the gradients of log-probability and entropy."""

# B batch, L policy outputs, N outputs of one component, K components, A amounts (columns of an action: K or A)

import math

import numpy as np
from numba import njit

from rookery.learning.fused.network import FAST, ONE, ZERO, Floats, Integers

_HALF = np.float32(0.5)
_HALF_LOG_2PI = np.float32(0.5 * math.log(2.0 * math.pi))
# exp(x) = 2^k exp(r), |r| <= log(2) / 2, with log(2) in two parts so that k log(2) is exact (Cody and Waite 1980); the
# coefficients are those of Moshier's Cephes library.
_LOG2_E, _LOG_2_HIGH, _LOG_2_LOW = np.float32(1.44269504), np.float32(0.693359375), np.float32(-2.12194440e-4)
_LOWEST, _HIGHEST = np.float32(-87.0), np.float32(88.0)
_E0, _E1, _E2, _E3, _E4, _E5 = (
    np.float32(c)
    for c in (1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1)
)
_BIAS, _MANTISSA = np.int32(127), np.int32(23)


@njit(nogil=True, cache=True, fastmath={"contract"}, error_model="numpy")
def exponential(x: np.float32) -> np.float32:
    """exp(x) to 3e-7 relative, held at exp(-87) and exp(88); NaN stays NaN. Unlike the library's it vectorises."""
    held = min(max(x, _LOWEST), _HIGHEST)
    whole = np.floor(held * _LOG2_E + _HALF)
    rest = (held - whole * _LOG_2_HIGH) - whole * _LOG_2_LOW
    series = ((((_E0 * rest + _E1) * rest + _E2) * rest + _E3) * rest + _E4) * rest + _E5
    power: np.float32 = np.int32((np.int32(whole) + _BIAS) << _MANTISSA).view(np.float32)
    value: np.float32 = ((series * rest) * rest + rest + ONE) * power + (x - x)
    return value


@njit(nogil=True, cache=True, fastmath=FAST, error_model="numpy")
def log_softmax(outputs_LB: Floats, probabilities_LB: Floats, sizes_K: Integers, scratch_2B: Floats) -> None:
    """Turn every component's logits into log probabilities, in place, and fill the probabilities."""
    largest_B, total_B = scratch_2B[0], scratch_2B[1]
    first, batch = 0, outputs_LB.shape[1]
    for size in sizes_K:
        largest_B[:], total_B[:] = outputs_LB[first], ZERO
        for i in range(first + 1, first + size):
            for b in range(batch):
                largest_B[b] = max(largest_B[b], outputs_LB[i, b])
        for i in range(first, first + size):
            for b in range(batch):
                outputs_LB[i, b] -= largest_B[b]
                probabilities_LB[i, b] = exponential(outputs_LB[i, b])
                total_B[b] += probabilities_LB[i, b]
        for b in range(batch):
            largest_B[b] = np.log(total_B[b])
        for i in range(first, first + size):
            for b in range(batch):
                outputs_LB[i, b] -= largest_B[b]
                probabilities_LB[i, b] /= total_B[b]
        first += size


@njit(nogil=True, cache=True)
def sample_choices(
    log_probabilities_LB: Floats,
    probabilities_LB: Floats,
    sizes_K: Integers,
    noise_BA: Floats,
    actions_BA: Floats,
    log_prob_B: Floats,
) -> None:
    """Invert each cumulative distribution at uniform `noise_BA`, as models.action_distribution.Categorical does."""
    for b in range(len(log_prob_B)):
        log_prob_B[b] = ZERO
        first = 0
        for k in range(len(sizes_K)):
            size, total = sizes_K[k], ZERO
            for i in range(first, first + size):
                total += probabilities_LB[i, b]
            threshold, cumulative, choice = noise_BA[b, k] * total, ZERO, 0
            for i in range(first, first + size):
                cumulative += probabilities_LB[i, b]
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
        for a in range(len(log_std_A)):
            actions_BA[b, a] = means_LB[a, b] + np.exp(log_std_A[a]) * noise_BA[b, a]
    log_prob_of_amounts(means_LB, log_std_A, actions_BA, log_prob_B)


@njit(nogil=True, cache=True)
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
    probabilities_LB: Floats,
    sizes_K: Integers,
    actions_BA: Floats,
    slope_B: Floats,
    entropy_slope: np.float32,
    entropy_B: Floats,
) -> np.float32:
    """Replace log probabilities by the loss's gradients of the logits; returns the sum of the rows' entropies.

    With `slope_B` = dL/dlog p(action) and `entropy_slope` = dL/dH of one row, dL/dz_i = slope (1[i = action] - p_i)
    - entropy_slope p_i (log p_i + H_k), since dH_k/dz_i = -p_i (log p_i + H_k).
    """
    total, first, batch = ZERO, 0, len(slope_B)
    for k in range(len(sizes_K)):
        entropy_B[:] = ZERO
        for i in range(first, first + sizes_K[k]):
            for b in range(batch):
                entropy_B[b] -= probabilities_LB[i, b] * log_probabilities_LB[i, b]
        for i in range(first, first + sizes_K[k]):
            index = np.float32(i - first)
            for b in range(batch):
                probability, surprise = probabilities_LB[i, b], log_probabilities_LB[i, b] + entropy_B[b]
                chosen = ONE if actions_BA[b, k] == index else ZERO
                log_probabilities_LB[i, b] = (
                    slope_B[b] * (chosen - probability) - entropy_slope * probability * surprise
                )
        total += total_of(entropy_B)
        first += sizes_K[k]
    return total


@njit(nogil=True, cache=True, fastmath=FAST, error_model="numpy")
def amounts_backward(
    means_LB: Floats,
    log_std_A: Floats,
    actions_BA: Floats,
    slope_B: Floats,
    entropy_slope: np.float32,
    log_std_gradient_A: Floats,
) -> np.float32:
    """Replace means by the loss's gradients of them and fill those of log std; returns the sum of the rows' entropies.

    d log p/d mean = (a - mean) / std^2, d log p/d log std = ((a - mean) / std)^2 - 1, dH/d log std = 1.
    """
    entropy, batch = ZERO, len(slope_B)
    for a in range(len(log_std_A)):
        precision, gradient = np.exp(-log_std_A[a]), ZERO
        for b in range(batch):
            standard = (actions_BA[b, a] - means_LB[a, b]) * precision
            gradient += slope_B[b] * (standard * standard - ONE)
            means_LB[a, b] = slope_B[b] * standard * precision
        log_std_gradient_A[a] = gradient + entropy_slope * np.float32(batch)
        entropy += log_std_A[a] + _HALF_LOG_2PI + _HALF
    return entropy * np.float32(batch)


@njit(nogil=True, cache=True, fastmath=FAST)
def total_of(values_B: Floats) -> np.float32:
    """Sum of a row."""
    total = ZERO
    for b in range(len(values_B)):
        total += values_B[b]
    return total

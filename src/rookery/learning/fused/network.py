"""A multilayer actor-critic in compiled code: forward and backward passes over one flat parameter vector."""

# P parameters, B batch, O observation, I inputs of a layer, H its width, L policy outputs, D layers
# R trunks: one that is shared, or the actor's and the critic's

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]

# Reassociation lets sums be vectorised; NaN and infinities keep their meaning, so a diverging run is noticed.
FAST = {"reassoc", "contract", "nsz", "arcp"}

ZERO, ONE = np.float32(0.0), np.float32(1.0)
# tanh(x) = x P(x^2) / Q(x^2) on [-9, 9], coefficients by a weighted least-squares minimax fit; beyond, tanh is 1 to
# float32. Largest error 3.2e-7, of which 2e-8 is the approximation and the rest float32 rounding.
_TANH_LIMIT = np.float32(9.0)
_P0, _P1, _P2, _P3, _P4 = (
    np.float32(c) for c in (0.999999979, 0.133810252, 3.49558763e-3, 2.06090739e-5, 1.33546499e-8)
)
_Q1, _Q2, _Q3, _Q4 = (np.float32(c) for c in (0.467143408, 2.58769804e-2, 3.28563399e-4, 7.77655353e-7))


class Network(NamedTuple):
    """Where each tensor of an actor-critic begins in the flat vector, and the shapes to read it with.

    Weights are (outputs, inputs) as torch keeps them. `log_std_at` is -1 for choices; `sizes_K` is empty for amounts.
    """

    widths: Integers
    weight_at_RD: Integers
    bias_at_RD: Integers
    policy_weight_at: int
    policy_bias_at: int
    value_weight_at: int
    value_bias_at: int
    log_std_at: int
    outputs: int
    sizes_K: Integers
    relu: bool


@njit(nogil=True, cache=True)
def matrix(flat: Floats, start: int, rows: int, columns: int) -> Floats:
    """A (rows, columns) view of `flat` from `start` on."""
    return flat[start : start + rows * columns].reshape((rows, columns))


@njit(nogil=True, cache=True)
def activation_size(network: Network, batch: int) -> int:
    """Numbers that the hidden activations of one trunk take for `batch` rows."""
    return int(batch * network.widths[1:].sum())


@njit(nogil=True, cache=True)
def turn_weights(network: Network, parameters_P: Floats, turned_P: Floats) -> None:
    """Copy every trunk weight, transposed, to its own place in `turned_P`.

    Twelve thousand copies a minibatch buy a fifth of the products' time: BLAS is at its best on plain operands.
    """
    for trunk in range(len(network.weight_at_RD)):
        for layer in range(len(network.widths) - 1):
            size, width = network.widths[layer], network.widths[layer + 1]
            start = network.weight_at_RD[trunk, layer]
            weight_HI = matrix(parameters_P, start, width, size)
            turned_IH = matrix(turned_P, start, size, width)
            for i in range(size):
                for h in range(width):
                    turned_IH[i, h] = weight_HI[h, i]


@njit(nogil=True, cache=True, fastmath=FAST, error_model="numpy")
def _add_bias_and_squash(states_BH: Floats, bias_H: Floats, relu: bool) -> None:
    rows, columns = states_BH.shape
    for i in range(rows):
        for j in range(columns):
            x = states_BH[i, j] + bias_H[j]
            if relu:
                states_BH[i, j] = max(x, ZERO)
            else:
                x = max(min(x, _TANH_LIMIT), -_TANH_LIMIT)
                square = x * x
                above = (((_P4 * square + _P3) * square + _P2) * square + _P1) * square + _P0
                below = (((_Q4 * square + _Q3) * square + _Q2) * square + _Q1) * square + ONE
                states_BH[i, j] = x * above / below


@njit(nogil=True, cache=True, fastmath=FAST, error_model="numpy")
def _squash_backward(gradients_BH: Floats, states_BH: Floats, bias_gradient_H: Floats, relu: bool) -> None:
    """From gradients of activations to gradients before them, in place; their sums are the bias's gradients."""
    rows, columns = gradients_BH.shape
    bias_gradient_H[:] = ZERO
    for i in range(rows):
        for j in range(columns):
            state = states_BH[i, j]
            slope = (ONE if state > ZERO else ZERO) if relu else ONE - state * state
            gradient = gradients_BH[i, j] * slope
            gradients_BH[i, j] = gradient
            bias_gradient_H[j] += gradient


@njit(nogil=True, cache=True)
def trunk_forward(
    network: Network, parameters_P: Floats, turned_P: Floats, trunk: int, input_BO: Floats, states: Floats
) -> Floats:
    """Fill `states` with the hidden activations, layer after layer; returns the last layer's (B, H)."""
    batch = input_BO.shape[0]
    start, last_BH = 0, input_BO
    for layer in range(len(network.widths) - 1):
        size, width = network.widths[layer], network.widths[layer + 1]
        bias_at = network.bias_at_RD[trunk, layer]
        states_BH = matrix(states, start, batch, width)
        np.dot(last_BH, matrix(turned_P, network.weight_at_RD[trunk, layer], size, width), states_BH)
        _add_bias_and_squash(states_BH, parameters_P[bias_at : bias_at + width], network.relu)
        start += batch * width
        last_BH = states_BH
    return last_BH


@njit(nogil=True, cache=True)
def trunk_backward(
    network: Network,
    parameters_P: Floats,
    gradients_P: Floats,
    trunk: int,
    input_BO: Floats,
    states: Floats,
    upstream: Floats,
    spare: Floats,
) -> None:
    """Fill the trunk's part of `gradients_P` from `upstream`, the gradients of the last layer's activations (B x H).

    `upstream` and `spare` each hold B x the widest layer and are overwritten.
    """
    batch = input_BO.shape[0]
    start = activation_size(network, batch)
    for layer in range(len(network.widths) - 2, -1, -1):
        size, width = network.widths[layer], network.widths[layer + 1]
        start -= batch * width
        weight_at, bias_at = network.weight_at_RD[trunk, layer], network.bias_at_RD[trunk, layer]
        gradient_BH = matrix(upstream, 0, batch, width)
        bias_gradient_H = gradients_P[bias_at : bias_at + width]
        _squash_backward(gradient_BH, matrix(states, start, batch, width), bias_gradient_H, network.relu)
        weight_gradient_HI = matrix(gradients_P, weight_at, width, size)
        if layer == 0:
            np.dot(gradient_BH.T, input_BO, weight_gradient_HI)
        else:
            np.dot(gradient_BH.T, matrix(states, start - batch * size, batch, size), weight_gradient_HI)
            np.dot(gradient_BH, matrix(parameters_P, weight_at, width, size), matrix(spare, 0, batch, size))
            upstream, spare = spare, upstream


@njit(nogil=True, cache=True)
def policy_outputs(network: Network, parameters_P: Floats, features_BH: Floats, outputs_LB: Floats) -> None:
    """The policy head, one row per output, so that what follows runs along the batch."""
    width = features_BH.shape[1]
    np.dot(matrix(parameters_P, network.policy_weight_at, network.outputs, width), features_BH.T, outputs_LB)
    for k in range(network.outputs):
        outputs_LB[k] += parameters_P[network.policy_bias_at + k]


@njit(nogil=True, cache=True)
def state_values(network: Network, parameters_P: Floats, features_BH: Floats, values_B: Floats) -> None:
    """The value head."""
    start = network.value_weight_at
    weight_H = parameters_P[start : start + features_BH.shape[1]]
    _weigh_columns(features_BH, weight_H, parameters_P[network.value_bias_at], values_B)


@njit(nogil=True, cache=True, fastmath=FAST)
def _weigh_columns(features_BH: Floats, weight_H: Floats, bias: np.float32, values_B: Floats) -> None:
    # A loop, since BLAS takes several times as long for a product with one column.
    for b in range(len(values_B)):
        value = ZERO
        for h in range(len(weight_H)):
            value += features_BH[b, h] * weight_H[h]
        values_B[b] = value + bias

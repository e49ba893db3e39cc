"""PPO's epochs over one rollout, in one compiled call: gather, gradient, clip, Adam."""

# S samples of a rollout, E epochs, P parameters

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from rookery.learning.fused.gradient import (
    FIGURES,
    GRADIENT_NORM,
    KL,
    LossSettings,
    Rows,
    gather,
    loss_gradient,
    workspace,
)
from rookery.learning.fused.network import FAST, ONE, Floats, Integers, Network

KL_MARGIN = 1.5


class Adam(NamedTuple):
    """Moments and the settings of Kingma and Ba (2015), bias-corrected as torch.optim.Adam does it."""

    first_P: Floats
    second_P: Floats
    beta1: float
    beta2: float
    epsilon: np.float32


@njit(nogil=True, cache=True)
def improve(
    network: Network,
    parameters_P: Floats,
    adam: Adam,
    steps_done: int,
    samples: Rows,
    order_ES: Integers,
    batch_size: int,
    rate: float,
    settings: LossSettings,
    max_gradient_norm: float,
    target_kl: float,
) -> tuple[int, NDArray[np.float64]]:
    """Run through `order_ES`, a permutation of the samples per epoch, changing `parameters_P` and `adam` in place.

    Stops early, before the step, when a minibatch's KL exceeds 1.5 `target_kl` (0: never). Returns the minibatches
    stepped on and the mean of every figure over the minibatches seen.
    """
    work = workspace(network, parameters_P, samples, batch_size)
    gradients_P = np.zeros_like(parameters_P)
    figures, sums = np.zeros(FIGURES, np.float32), np.zeros(FIGURES, np.float64)
    stepped, seen = 0, 0
    for epoch in range(len(order_ES)):
        for start in range(0, order_ES.shape[1], batch_size):
            batch = gather(samples, order_ES[epoch, start : start + batch_size], work.batch)
            loss_gradient(network, parameters_P, gradients_P, batch, settings, work, figures)
            figures[GRADIENT_NORM] = np.sqrt(np.dot(gradients_P, gradients_P))
            sums += figures
            seen += 1
            if target_kl > 0.0 and figures[KL] > KL_MARGIN * target_kl:
                return stepped, sums / seen
            scale = min(1.0, max_gradient_norm / (figures[GRADIENT_NORM] + 1e-6))
            stepped += 1
            adam_step(parameters_P, gradients_P, adam, steps_done + stepped, rate, np.float32(scale))
    return stepped, sums / seen


@njit(nogil=True, cache=True)
def adam_step(parameters_P: Floats, gradients_P: Floats, adam: Adam, step: int, rate: float, scale: np.float32) -> None:
    """One Adam step on `scale` x gradients; `step` counts from 1."""
    correction1 = 1.0 - adam.beta1**step
    correction2 = 1.0 - adam.beta2**step
    _adam_loop(
        parameters_P,
        gradients_P,
        adam.first_P,
        adam.second_P,
        scale,
        np.float32(rate / correction1),
        np.float32(1.0 / np.sqrt(correction2)),
        adam.epsilon,
        np.float32(1.0 - adam.beta1),
        np.float32(1.0 - adam.beta2),
    )


@njit(nogil=True, cache=True, fastmath=FAST, error_model="numpy")
def _adam_loop(
    parameters_P: Floats,
    gradients_P: Floats,
    first_P: Floats,
    second_P: Floats,
    scale: np.float32,
    step_size: np.float32,
    second_scale: np.float32,
    epsilon: np.float32,
    weight1: np.float32,
    weight2: np.float32,
) -> None:
    for p in range(len(parameters_P)):
        gradient = gradients_P[p] * scale
        first = first_P[p] + weight1 * (gradient - first_P[p])
        second = second_P[p] * (ONE - weight2) + weight2 * gradient * gradient
        first_P[p] = first
        second_P[p] = second
        parameters_P[p] -= step_size * first / (np.sqrt(second) * second_scale + epsilon)

"""CartPole-v1 in compiled code: the ground on which every learner of the field can be compared."""

# N copies; a row of `motion_N4` is cart position m, cart speed m/s, pole angle rad, pole speed rad/s

import math
from typing import NamedTuple

import numpy as np
from gymnasium.spaces import Box, Discrete
from numba import njit
from numpy.typing import NDArray

from rookery.compiled_env import CompiledVectorEnv, Floats
from rookery.randomness import Words, random_words, uniform

_GRAVITY, _FORCE, _SECONDS = 9.8, 10.0, 0.02
_POLE_MASS, _TOTAL_MASS, _HALF_LENGTH = 0.1, 1.1, 0.5
_POLE_MOMENT = _POLE_MASS * _HALF_LENGTH
_FARTHEST, _STEEPEST = 2.4, 12 * 2 * math.pi / 360
_LARGEST = np.finfo(np.float32).max


class CartPoleState(NamedTuple):
    """Every copy's motion (float64), steps of its episode so far, and generator word."""

    motion_N4: NDArray[np.float64]
    steps_N: NDArray[np.int64]
    words_N: Words


class CartPoleParams(NamedTuple):
    """After how many steps an episode is truncated."""

    step_limit: int


def cartpole(num_envs: int, *, step_limit: int = 500, seed: int = 0) -> CompiledVectorEnv:
    """Barto, Sutton and Anderson's (1983) pole, as gymnasium's CartPole-v1 has it: reward 1 a step, Euler's method."""
    high = np.array([2 * _FARTHEST, np.inf, 2 * _STEEPEST, np.inf], np.float32)
    return CompiledVectorEnv(
        num_envs=num_envs,
        observation_space=Box(-high, high, dtype=np.float32),
        action_space=Discrete(2),
        make_state=_make_state,
        params=CartPoleParams(step_limit=step_limit),
        reset_kernel=reset,
        step_kernel=step,
        seed=seed,
    )


def _make_state(num_envs: int, seed: int) -> CartPoleState:
    return CartPoleState(np.zeros((num_envs, 4)), np.zeros(num_envs, np.int64), random_words(num_envs, seed))


@njit(nogil=True, cache=True)
def reset(state: CartPoleState, params: CartPoleParams, observations_NO: Floats) -> None:
    """Begin an episode in every copy, each coordinate uniform in [-0.05, 0.05)."""
    for n in range(len(state.steps_N)):
        _begin(state, n, observations_NO)


@njit(nogil=True, cache=True)
def step(
    state: CartPoleState,
    params: CartPoleParams,
    actions_NA: Floats,
    observations_NO: Floats,
    rewards_N: Floats,
    terminated_N: NDArray[np.bool_],
    truncated_N: NDArray[np.bool_],
    final_NO: Floats,
) -> None:
    """Push every cart left (0) or right (1) for 20 ms."""
    for n in range(len(rewards_N)):
        _push(state.motion_N4, n, _FORCE if actions_NA[n, 0] > 0.5 else -_FORCE)
        state.steps_N[n] += 1
        rewards_N[n] = 1.0
        fallen = abs(state.motion_N4[n, 0]) > _FARTHEST or abs(state.motion_N4[n, 2]) > _STEEPEST
        terminated_N[n] = fallen
        truncated_N[n] = state.steps_N[n] >= params.step_limit
        observations_NO[n] = state.motion_N4[n]
        if terminated_N[n] or truncated_N[n]:
            final_NO[n] = observations_NO[n]
            _begin(state, n, observations_NO)


@njit(nogil=True, cache=True)
def _push(motion_N4: NDArray[np.float64], n: int, force: float) -> None:
    # Florian (2007), Correct equations for the dynamics of the cart-pole system, without friction.
    position, speed, angle, turn = motion_N4[n, 0], motion_N4[n, 1], motion_N4[n, 2], motion_N4[n, 3]
    cosine, sine = math.cos(angle), math.sin(angle)
    pull = (force + _POLE_MOMENT * turn**2 * sine) / _TOTAL_MASS
    angular = (_GRAVITY * sine - cosine * pull) / (_HALF_LENGTH * (4.0 / 3.0 - _POLE_MASS * cosine**2 / _TOTAL_MASS))
    acceleration = pull - _POLE_MOMENT * angular * cosine / _TOTAL_MASS
    motion_N4[n, 0] = position + _SECONDS * speed
    motion_N4[n, 1] = speed + _SECONDS * acceleration
    motion_N4[n, 2] = angle + _SECONDS * turn
    motion_N4[n, 3] = turn + _SECONDS * angular


@njit(nogil=True, cache=True)
def _begin(state: CartPoleState, n: int, observations_NO: Floats) -> None:
    for j in range(4):
        state.motion_N4[n, j] = 0.1 * uniform(state.words_N, n) - 0.05
    state.steps_N[n] = 0
    observations_NO[n] = state.motion_N4[n]

"""Trading on a fading signal with quadratic costs (Garleanu and Pedersen 2013).

A signal f fades, f' = (1 - fade) f + noise, and the price change after it is f + u. From position y one trades to x:

    maximise  E sum over t of  d^(t+1) (x r' - risk / 2 sigma^2 x^2) - d^t cost / 2 (x - y)^2,   d = 1 - impatience

The value is quadratic, V(y, f) = -P y^2 / 2 + Q y f + R f^2 / 2 + c. The best trade goes a fixed share of the way to an
aim that is closer to 0 the faster the signal fades.
"""

# N copies, B states, S steps; a row of `held_N2` is position and signal

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from gymnasium.spaces import Box
from numba import njit

from rookery.compiled_env import CompiledVectorEnv
from rookery.market.optimum.problem import Act, Problem
from rookery.randomness import Words, normal, random_words

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]
_EVALUATION_STEPS, _EVALUATION_COPIES, _EVALUATION_SEED = 300, 4096, 20_130_901


class Trading(NamedTuple):
    """The problem's numbers. `largest` is the position that actions of +-1 stand for; `limit` is steps per episode."""

    signal: float = 0.3
    fade: float = 0.1
    sigma: float = 1.0
    risk: float = 1.0
    cost: float = 4.0
    impatience: float = 0.05
    largest: float = 1.0
    limit: int = 128


class State(NamedTuple):
    """Position and signal, steps of the episode, generator word."""

    held_N2: Floats
    steps_N: npt.NDArray[np.int64]
    words_N: Words


class Quadratic(NamedTuple):
    """Coefficients of the value function."""

    p: float
    q: float
    r: float
    c: float


def riccati(terms: Trading) -> Quadratic:
    """The value function by iterating the Bellman equation from 0 until nothing moves."""
    d, stay = 1.0 - terms.impatience, 1.0 - terms.fade
    shock = terms.signal**2 * (1.0 - stay**2)
    p = q = r = c = 0.0
    for _ in range(100_000):
        curve = d * (terms.risk * terms.sigma**2 + p) + terms.cost
        pull = d * (1.0 + q * stay)
        old = (p, q, r, c)
        p = terms.cost - terms.cost**2 / curve
        q = terms.cost * pull / curve
        c = d * (c + r * shock / 2)
        r = pull**2 / curve + d * r * stay**2
        if max(abs(a - b) for a, b in zip(old, (p, q, r, c), strict=True)) < 1e-15:
            break
    return Quadratic(p, q, r, c)


def best_policy(terms: Trading) -> tuple[float, float]:
    """Closed form: x = (1 - rate) y + rate aim f. Returns rate and aim (Garleanu and Pedersen 2013, proposition 1)."""
    d, ratio = 1.0 - terms.impatience, terms.cost / terms.sigma**2
    middle = terms.risk * d + ratio * terms.impatience
    a = (math.sqrt(middle**2 + 4 * terms.risk * ratio * d**2) - middle) / (2 * d)
    return a / ratio, 1.0 / (terms.risk * terms.sigma**2 * (1.0 + terms.fade * a / terms.risk))


def garleanu_pedersen(terms: Trading = Trading()) -> Problem:  # noqa: B008  an immutable tuple
    """The problem from a position of 0 and a signal from its stationary law, discounted for ever."""
    rate, aim = best_policy(terms)

    def best(seen_BO: Singles) -> Singles:
        signal_B, held_B = seen_BO[:, 0] * terms.signal, seen_BO[:, 1] * terms.largest
        wished_B = (1.0 - rate) * held_B + rate * aim * signal_B
        return (wished_B[:, None] / terms.largest).astype(np.float32)

    def make(num_envs: int, seed: int) -> CompiledVectorEnv:
        return CompiledVectorEnv(
            num_envs=num_envs,
            observation_space=Box(-100.0, 100.0, (2,), np.float32),
            action_space=Box(-1.0, 1.0, (1,), np.float32),
            make_state=_make_state,
            params=terms,
            reset_kernel=reset,
            step_kernel=step,
            seed=seed,
        )

    return Problem(
        title="Garleanu-Pedersen: fading signal, quadratic costs",
        source="Garleanu and Pedersen 2013, proposition 1; Riccati equation",
        make=make,
        optimum=_optimum(terms),
        best=best,
        value=lambda act: _value(terms, act),
        discount=1.0 - terms.impatience,
    )


def _value(terms: Trading, act: Act) -> float:
    """Best value less what straying from the best policy costs, over the same 4,096 signal paths for every policy.

    In a linear-quadratic problem a policy's value is exactly V - E sum of d^t curve / 2 (x - best x)^2 along its own
    path (the performance difference lemma, Kakade and Langford 2002), which hardly hangs on the paths drawn.
    """
    draws, d, stay = np.random.default_rng(_EVALUATION_SEED), 1.0 - terms.impatience, 1.0 - terms.fade
    value, (rate, aim) = riccati(terms), best_policy(terms)
    curve = d * (terms.risk * terms.sigma**2 + value.p) + terms.cost
    signal_N = terms.signal * draws.standard_normal(_EVALUATION_COPIES)
    held_N, lost = np.zeros(_EVALUATION_COPIES), 0.0
    for t in range(_EVALUATION_STEPS):
        seen_NO = np.stack((signal_N / terms.signal, held_N / terms.largest), axis=1).astype(np.float32)
        wished_N = np.clip(act(seen_NO)[:, 0].astype(np.float64), -1.0, 1.0) * terms.largest
        best_N = (1.0 - rate) * held_N + rate * aim * signal_N
        lost += d**t * curve / 2 * float(np.mean((wished_N - best_N) ** 2))
        held_N = wished_N
        shock_N = draws.standard_normal(_EVALUATION_COPIES)
        signal_N = stay * signal_N + terms.signal * math.sqrt(1.0 - stay**2) * shock_N
    return _optimum(terms) - lost


def _optimum(terms: Trading) -> float:
    value = riccati(terms)
    return value.r * terms.signal**2 / 2 + value.c


def _make_state(count: int, seed: int) -> State:
    return State(np.zeros((count, 2)), np.zeros(count, np.int64), random_words(count, seed))


@njit(cache=True, nogil=True)
def reset(state: State, terms: Trading, observations_NO: Singles) -> None:
    """Begin an episode in every copy: no position, a signal from its stationary law."""
    for n in range(len(state.steps_N)):
        _begin(state, terms, n, observations_NO)


@njit(cache=True, nogil=True)
def step(
    state: State,
    terms: Trading,
    actions_NA: Singles,
    observations_NO: Singles,
    rewards_N: Singles,
    terminated_N: Flags,
    truncated_N: Flags,
    final_NO: Singles,
) -> None:
    """Trade to the position asked for and meet the next price, noise and all."""
    d, stay = 1.0 - terms.impatience, 1.0 - terms.fade
    for n in range(len(rewards_N)):
        held, signal = state.held_N2[n, 0], state.held_N2[n, 1]
        wished = actions_NA[n, 0] * terms.largest
        change = signal + terms.sigma * normal(state.words_N, n)
        gained = d * (wished * change - terms.risk / 2 * (terms.sigma * wished) ** 2)
        rewards_N[n] = gained - terms.cost / 2 * (wished - held) ** 2
        state.held_N2[n, 0] = wished
        state.held_N2[n, 1] = stay * signal + terms.signal * math.sqrt(1.0 - stay**2) * normal(state.words_N, n)
        state.steps_N[n] += 1
        terminated_N[n], truncated_N[n] = False, state.steps_N[n] >= terms.limit
        _observe(state, terms, n, observations_NO)
        if truncated_N[n]:
            final_NO[n] = observations_NO[n]
            _begin(state, terms, n, observations_NO)


@njit(cache=True, nogil=True)
def _begin(state: State, terms: Trading, n: int, observations_NO: Singles) -> None:
    state.held_N2[n, 0] = 0.0
    state.held_N2[n, 1] = terms.signal * normal(state.words_N, n)
    state.steps_N[n] = 0
    _observe(state, terms, n, observations_NO)


@njit(cache=True, nogil=True)
def _observe(state: State, terms: Trading, n: int, observations_NO: Singles) -> None:
    observations_NO[n, 0] = state.held_N2[n, 1] / terms.signal
    observations_NO[n, 1] = state.held_N2[n, 0] / terms.largest

"""Trading an Ornstein-Uhlenbeck price with proportional costs, solved by dynamic programming.

The price's distance from its mean moves by x' = (1 - pull) x + sigma noise. Each step one holds -1, 0 or +1 of it and
pays `cost` per unit traded; the sum of d^t (held (x' - x) - cost |change|) is to be large. The best policy buys below
one price and sells above another, with a band between them in which nothing is done (Davis and Norman 1990).
"""

# N copies, G grid points, H = 3 holdings; a row of `held_N2` is holding and distance

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from gymnasium.spaces import Box, Discrete
from numba import njit

from rookery.compiled_env import CompiledVectorEnv
from rookery.market.optimum.problem import Act, Problem
from rookery.randomness import Words, normal, random_words

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
_GRID, _WIDEST = 301, 5.0


class Reverting(NamedTuple):
    """The problem's numbers; `limit` is steps per episode, after which it is cut off and not over."""

    pull: float = 0.1
    sigma: float = 1.0
    cost: float = 0.5
    discount: float = 0.97
    limit: int = 128

    def spread(self) -> float:
        """Standard deviation of the distance in the long run."""
        return self.sigma / math.sqrt(1.0 - (1.0 - self.pull) ** 2)


class State(NamedTuple):
    """Holding and distance, steps of the episode, generator word."""

    held_N2: Floats
    steps_N: Ints
    words_N: Words


class Chain(NamedTuple):
    """The problem on a grid: distances, their transition law, and their law in the long run."""

    distance_G: Floats
    law_GG: Floats
    start_G: Floats


def chain(terms: Reverting) -> Chain:
    """Distances as a Markov chain: normal probabilities of the cells around grid points (Tauchen 1986)."""
    distance_G = np.linspace(-_WIDEST, _WIDEST, _GRID) * terms.spread()
    edge_G = np.concatenate(([-np.inf], (distance_G[1:] + distance_G[:-1]) / 2, [np.inf]))
    below = _normal_below((edge_G[None, :] - (1.0 - terms.pull) * distance_G[:, None]) / terms.sigma)
    return Chain(distance_G, np.diff(below, axis=1), np.diff(_normal_below(edge_G / terms.spread())))


def solve(terms: Reverting) -> tuple[Floats, Ints]:
    """Value and best choice (0 short, 1 flat, 2 long), both (G, H), by value iteration."""
    states = chain(terms)
    worth_GH, gain_GHC = np.zeros((_GRID, 3)), _gains(terms, states)
    while True:
        choice_GHC = gain_GHC + terms.discount * (states.law_GG @ worth_GH)[:, None, :]
        improved_GH = choice_GHC.max(axis=2)
        if np.abs(improved_GH - worth_GH).max() < 1e-11:
            return improved_GH, choice_GHC.argmax(axis=2)
        worth_GH = improved_GH


def policy_worth(terms: Reverting, choice_GH: Ints) -> float:
    """The value of a policy from a stationary distance and no holding, exact on the grid: one linear system."""
    states = chain(terms)
    size = _GRID * 3
    move = np.zeros((_GRID, 3, _GRID, 3))
    rows, holdings = np.indices((_GRID, 3))
    move[rows, holdings, :, choice_GH] = states.law_GG[rows]
    gain_GH = np.take_along_axis(_gains(terms, states), choice_GH[:, :, None], axis=2)[:, :, 0]
    worth = np.linalg.solve(np.eye(size) - terms.discount * move.reshape(size, size), gain_GH.ravel())
    return float(states.start_G @ worth.reshape(_GRID, 3)[:, 1])


def mean_reversion(terms: Reverting = Reverting()) -> Problem:  # noqa: B008  an immutable tuple
    """The problem from a stationary distance and no holding, discounted for ever."""
    _, best_GH = solve(terms)
    distance_G = chain(terms).distance_G

    def best(seen_BO: Singles) -> Singles:
        row_B = np.abs(seen_BO[:, :1] * terms.spread() - distance_G[None, :]).argmin(axis=1)
        chosen_B = best_GH[row_B, np.rint(seen_BO[:, 1]).astype(np.int64) + 1]
        return np.asarray(chosen_B[:, None], np.float32)

    def value(act: Act) -> float:
        rows, holdings = np.indices((_GRID, 3))
        seen_BO = np.stack((distance_G[rows.ravel()] / terms.spread(), holdings.ravel() - 1.0), axis=1)
        chosen_B = np.rint(act(seen_BO.astype(np.float32))[:, 0]).astype(np.int64)
        return policy_worth(terms, chosen_B.reshape(_GRID, 3))

    def make(num_envs: int, seed: int) -> CompiledVectorEnv:
        return CompiledVectorEnv(
            num_envs=num_envs,
            observation_space=Box(-100.0, 100.0, (2,), np.float32),
            action_space=Discrete(3),
            make_state=_make_state,
            params=terms,
            reset_kernel=reset,
            step_kernel=step,
            seed=seed,
        )

    return Problem(
        title="Ornstein-Uhlenbeck: proportional costs",
        source="dynamic programming on 301 x 3 states (Tauchen 1986); Davis and Norman 1990",
        make=make,
        optimum=policy_worth(terms, best_GH),
        best=best,
        value=value,
        discount=terms.discount,
    )


def _gains(terms: Reverting, states: Chain) -> Floats:
    """Expected reward (G, H, C) of going from holding H to choice C."""
    held_H = np.array([-1.0, 0.0, 1.0])
    drift_G = states.law_GG @ states.distance_G - states.distance_G
    traded_HC = np.abs(held_H[None, :] - held_H[:, None])
    return np.asarray(drift_G[:, None, None] * held_H - terms.cost * traded_HC)


def _normal_below(values: Floats) -> Floats:
    return np.asarray(0.5 * (1.0 + np.vectorize(math.erf, otypes=[float])(values / math.sqrt(2.0))))


def _make_state(count: int, seed: int) -> State:
    return State(np.zeros((count, 2)), np.zeros(count, np.int64), random_words(count, seed))


@njit(cache=True, nogil=True)
def reset(state: State, terms: Reverting, observations_NO: Singles) -> None:
    """Begin an episode in every copy: no holding, a distance from its stationary law."""
    for n in range(len(state.steps_N)):
        _begin(state, terms, n, observations_NO)


@njit(cache=True, nogil=True)
def step(
    state: State,
    terms: Reverting,
    actions_NA: Singles,
    observations_NO: Singles,
    rewards_N: Singles,
    terminated_N: Flags,
    truncated_N: Flags,
    final_NO: Singles,
) -> None:
    """Hold what was chosen (0 short, 1 flat, 2 long) until the next price."""
    for n in range(len(rewards_N)):
        held, distance = state.held_N2[n, 0], state.held_N2[n, 1]
        wished = actions_NA[n, 0] - 1.0
        moved = (1.0 - terms.pull) * distance + terms.sigma * normal(state.words_N, n)
        rewards_N[n] = wished * (moved - distance) - terms.cost * abs(wished - held)
        state.held_N2[n, 0], state.held_N2[n, 1] = wished, moved
        state.steps_N[n] += 1
        terminated_N[n], truncated_N[n] = False, state.steps_N[n] >= terms.limit
        _observe(state, terms, n, observations_NO)
        if truncated_N[n]:
            final_NO[n] = observations_NO[n]
            _begin(state, terms, n, observations_NO)


@njit(cache=True, nogil=True)
def _spread(terms: Reverting) -> float:
    return terms.sigma / math.sqrt(1.0 - (1.0 - terms.pull) ** 2)


@njit(cache=True, nogil=True)
def _begin(state: State, terms: Reverting, n: int, observations_NO: Singles) -> None:
    state.held_N2[n, 0] = 0.0
    state.held_N2[n, 1] = _spread(terms) * normal(state.words_N, n)
    state.steps_N[n] = 0
    _observe(state, terms, n, observations_NO)


@njit(cache=True, nogil=True)
def _observe(state: State, terms: Reverting, n: int, observations_NO: Singles) -> None:
    observations_NO[n, 0] = state.held_N2[n, 1] / _spread(terms)
    observations_NO[n, 1] = state.held_N2[n, 0]

"""Selling a block in time for impact and risk (Almgren and Chriss 2000, Optimal execution of portfolio transactions).

A block of 1 is sold in `slices` steps of length tau = 1 / slices. Selling n in a step costs n^2 x temporary / tau (the
permanent impact's part of it taken off), permanent impact costs permanent / 2 whatever the schedule, and what is left
is exposed to the price: cost + risk_aversion x variance is to be small. What is left at the end is sold then.
"""

# N copies, B states, K slices; a row of `left_N2` is what is left to sell and the slice

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


class Selling(NamedTuple):
    """The problem's numbers; an action of +-1 sells `fastest` times, or none of, an even share of what is left."""

    slices: int = 20
    temporary: float = 0.05
    permanent: float = 0.1
    sigma: float = 0.3
    risk_aversion: float = 5.0
    fastest: float = 4.0


class State(NamedTuple):
    """What is left and the slice, and the generator word."""

    left_N2: Floats
    words_N: Words


def schedule(terms: Selling) -> Floats:
    """What is left before every slice and at the end, by closed form: (K + 1,) (Almgren and Chriss 2000, eq. 17)."""
    tau = 1.0 / terms.slices
    squeezed = _squeezed(terms)
    curve = terms.risk_aversion * terms.sigma**2 / squeezed
    kappa = math.acosh(1.0 + curve * tau**2 / 2) / tau
    time_K = np.arange(terms.slices + 1) * tau
    return np.asarray(np.sinh(kappa * (1.0 - time_K)) / math.sinh(kappa))


def cost_and_risk(terms: Selling, left_K: Floats) -> float:
    """Expected cost plus risk aversion x variance of a schedule (Almgren and Chriss 2000, eqs. 4 and 5)."""
    tau = 1.0 / terms.slices
    impact = _squeezed(terms) / tau * float(np.sum(np.diff(left_K) ** 2))
    return terms.permanent / 2 + impact + terms.risk_aversion * terms.sigma**2 * tau * float(np.sum(left_K[1:] ** 2))


def dynamic_programming(terms: Selling) -> float:
    """The least cost and risk by backward recursion: the cost to go is quadratic in what is left."""
    tau, squeezed = 1.0 / terms.slices, _squeezed(terms)
    exposed = terms.risk_aversion * terms.sigma**2 * tau
    # With one slice to go all is sold, and nothing is exposed after it.
    to_go = squeezed / tau
    for _ in range(terms.slices - 1):
        later = exposed + to_go
        to_go = (squeezed / tau) * later / (squeezed / tau + later)
    return terms.permanent / 2 + to_go


def almgren_chriss(terms: Selling = Selling()) -> Problem:  # noqa: B008  an immutable tuple
    """The problem; values are minus cost and risk, so that more is better."""
    left_K = schedule(terms)
    share_K = 1.0 - left_K[1:] / left_K[:-1]

    def best(seen_BO: Singles) -> Singles:
        slice_B = np.rint((seen_BO[:, 0] + 1.0) / 2.0 * terms.slices).astype(np.int64)
        even_B = 1.0 / (terms.slices - slice_B)
        pace_B = share_K[slice_B] / even_B
        return np.asarray((2.0 * pace_B / terms.fastest - 1.0)[:, None], np.float32)

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
        title="Almgren-Chriss: liquidation against risk",
        source="Almgren and Chriss 2000, eq. 17; backward recursion",
        make=make,
        optimum=-cost_and_risk(terms, left_K),
        best=best,
        value=lambda act: -cost_and_risk(terms, _followed(terms, act)),
        discount=1.0,
    )


def _squeezed(terms: Selling) -> float:
    return terms.temporary - terms.permanent / (2 * terms.slices)


def _followed(terms: Selling, act: Act) -> Floats:
    """The schedule of a policy: price noise is not in its observation, so one run is every run."""
    left_K = np.ones(terms.slices + 1)
    for k in range(terms.slices):
        seen_BO = np.array([[2.0 * k / terms.slices - 1.0, 2.0 * left_K[k] - 1.0]], np.float32)
        sold = _sold(terms, left_K[k], k, float(np.clip(act(seen_BO)[0, 0], -1.0, 1.0)))
        left_K[k + 1] = left_K[k] - sold
    return left_K


@njit(cache=True, nogil=True)
def _sold(terms: Selling, left: float, done: int, action: float) -> float:
    to_go = terms.slices - done
    if to_go == 1:
        return left
    return min(left, left * (action + 1.0) / 2.0 * terms.fastest / to_go)


def _make_state(count: int, seed: int) -> State:
    return State(np.zeros((count, 2)), random_words(count, seed))


@njit(cache=True, nogil=True)
def reset(state: State, terms: Selling, observations_NO: Singles) -> None:
    """Every copy holds the whole block."""
    for n in range(len(state.words_N)):
        _begin(state, terms, n, observations_NO)


@njit(cache=True, nogil=True)
def step(
    state: State,
    terms: Selling,
    actions_NA: Singles,
    observations_NO: Singles,
    rewards_N: Singles,
    terminated_N: Flags,
    truncated_N: Flags,
    final_NO: Singles,
) -> None:
    """Sell a slice, pay its impact, bear the price change and the penalty of what is left."""
    tau = 1.0 / terms.slices
    squeezed = terms.temporary - terms.permanent * tau / 2
    for n in range(len(rewards_N)):
        left, done = state.left_N2[n, 0], int(state.left_N2[n, 1])
        sold = _sold(terms, left, done, float(actions_NA[n, 0]))
        left -= sold
        penalty = terms.risk_aversion * terms.sigma**2 * tau * left**2
        change = terms.sigma * math.sqrt(tau) * normal(state.words_N, n)
        fixed = terms.permanent / 2 / terms.slices
        rewards_N[n] = left * change - squeezed / tau * sold**2 - penalty - fixed
        state.left_N2[n, 0], state.left_N2[n, 1] = left, done + 1
        terminated_N[n], truncated_N[n] = done + 1 == terms.slices, False
        _observe(state, terms, n, observations_NO)
        if terminated_N[n]:
            final_NO[n] = observations_NO[n]
            _begin(state, terms, n, observations_NO)


@njit(cache=True, nogil=True)
def _begin(state: State, terms: Selling, n: int, observations_NO: Singles) -> None:
    state.left_N2[n, 0] = 1.0
    state.left_N2[n, 1] = 0.0
    _observe(state, terms, n, observations_NO)


@njit(cache=True, nogil=True)
def _observe(state: State, terms: Selling, n: int, observations_NO: Singles) -> None:
    observations_NO[n, 0] = 2.0 * state.left_N2[n, 1] / terms.slices - 1.0
    observations_NO[n, 1] = 2.0 * state.left_N2[n, 0] - 1.0

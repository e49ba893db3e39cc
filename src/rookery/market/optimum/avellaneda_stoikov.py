"""Quoting both sides against inventory risk (Avellaneda and Stoikov 2008, High-frequency trading in an order book).

Each step of length tau one quotes an ask at s + a and a bid at s - b around the mid s. Either is hit with probability
1 - exp(-arrivals tau exp(-decay x distance)); then the mid moves by sigma sqrt(tau) noise. With wealth W = cash + q s
at the end, the utility -exp(-aversion W) is to be large. The inventory q stays within `most`: at the edge one side
rests.

Wealth and price leave the utility as a factor, so that what is to go hangs on time and inventory alone:
w(t, q) = min over a, b of  E[exp(-aversion x earned) exp((aversion sigma q')^2 tau / 2) w(t + 1, q')],  w(end, q) = 1.
The value is the certainty equivalent -log w(0, 0) / aversion. As tau goes to 0 the quotes become those of Gueant,
Lehalle and Fernandez-Tapia (2013, Dealing with the inventory risk, theorem 1).
"""

# N copies, K steps, Q = 2 most + 1 inventories; a row of `book_N3` is inventory, wealth and step

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from gymnasium.spaces import Box
from numba import njit

from rookery.compiled_env import CompiledVectorEnv
from rookery.market.optimum.problem import Act, Problem
from rookery.randomness import Words, normal, random_words, uniform

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]
_GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0
_ROUNDS, _CUTS = 8, 60


class Quoting(NamedTuple):
    """The problem's numbers. An action of -1 quotes at the mid, of +1 at `farthest` from it."""

    steps: int = 40
    tau: float = 0.025
    sigma: float = 2.0
    arrivals: float = 40.0
    decay: float = 1.5
    aversion: float = 0.1
    most: int = 5
    farthest: float = 2.5


class State(NamedTuple):
    """Inventory, wealth and step, and the generator word."""

    book_N3: Floats
    words_N: Words


def solve(terms: Quoting) -> tuple[Floats, Floats]:
    """Best distances (K, Q, 2: ask, bid) at every step and inventory, and w (K + 1, Q), by backward recursion."""
    size = 2 * terms.most + 1
    quote_KQ2, to_go_KQ = np.zeros((terms.steps, size, 2)), np.ones((terms.steps + 1, size))
    _solve(terms, quote_KQ2, to_go_KQ)
    return quote_KQ2, to_go_KQ


def policy_to_go(terms: Quoting, quote_KQ2: Floats) -> Floats:
    """w (K + 1, Q) of given distances, exactly."""
    to_go_KQ = np.ones((terms.steps + 1, 2 * terms.most + 1))
    for k in range(terms.steps - 1, -1, -1):
        held_Q = _carried(terms, to_go_KQ[k + 1])
        for i in range(len(held_Q)):
            to_go_KQ[k, i] = _outcome(terms, held_Q, i, quote_KQ2[k, i, 0], quote_KQ2[k, i, 1])
    return to_go_KQ


def continuous_quotes(terms: Quoting, left: float) -> Floats:
    """Distances (Q, 2) with time `left`, for tau to 0 (Gueant, Lehalle and Fernandez-Tapia 2013, theorem 1)."""
    size, ratio = 2 * terms.most + 1, terms.aversion / terms.decay
    held_Q = np.arange(size) - terms.most
    eta = terms.arrivals * (1.0 + ratio) ** -(1.0 + 1.0 / ratio)
    law_QQ = np.diag(terms.decay / 2 * terms.aversion * terms.sigma**2 * held_Q**2)
    law_QQ -= eta * (np.eye(size, k=1) + np.eye(size, k=-1))
    rates, vectors = np.linalg.eigh(law_QQ)
    worth_Q = vectors @ (np.exp(-rates * left) * (vectors.T @ np.ones(size)))
    spread, quote_Q2 = math.log1p(ratio) / terms.aversion, np.full((size, 2), np.nan)
    quote_Q2[1:, 0] = np.log(worth_Q[1:] / worth_Q[:-1]) / terms.decay + spread
    quote_Q2[:-1, 1] = np.log(worth_Q[:-1] / worth_Q[1:]) / terms.decay + spread
    return quote_Q2


def avellaneda_stoikov(terms: Quoting = Quoting()) -> Problem:  # noqa: B008  an immutable tuple
    """The problem from no inventory; values are certainty equivalents."""
    quote_KQ2, to_go_KQ = solve(terms)
    step_B, held_B = (index.ravel() for index in np.indices((terms.steps, 2 * terms.most + 1)))

    def best(seen_BO: Singles) -> Singles:
        k_B = np.rint((seen_BO[:, 0] + 1.0) / 2.0 * terms.steps).astype(np.int64)
        q_B = np.rint((seen_BO[:, 1] + 1.0) * terms.most).astype(np.int64)
        return np.asarray(2.0 * quote_KQ2[k_B, q_B] / terms.farthest - 1.0, np.float32)

    def value(act: Act) -> float:
        seen_BO = np.stack((2.0 * step_B / terms.steps - 1.0, held_B / terms.most - 1.0), axis=1).astype(np.float32)
        quoted_B2 = (np.clip(act(seen_BO), -1.0, 1.0).astype(np.float64) + 1.0) / 2.0 * terms.farthest
        return _certain(terms, policy_to_go(terms, quoted_B2.reshape(quote_KQ2.shape)))

    def make(num_envs: int, seed: int) -> CompiledVectorEnv:
        return CompiledVectorEnv(
            num_envs=num_envs,
            observation_space=Box(-100.0, 100.0, (2,), np.float32),
            action_space=Box(-1.0, 1.0, (2,), np.float32),
            make_state=_make_state,
            params=terms,
            reset_kernel=reset,
            step_kernel=step,
            seed=seed,
        )

    return Problem(
        title="Avellaneda-Stoikov: market making",
        source="Avellaneda and Stoikov 2008; backward recursion",
        make=make,
        optimum=_certain(terms, to_go_KQ),
        best=best,
        value=value,
        discount=1.0,
    )


def _certain(terms: Quoting, to_go_KQ: Floats) -> float:
    return -math.log(to_go_KQ[0, terms.most]) / terms.aversion


@njit(cache=True, nogil=True)
def _carried(terms: Quoting, to_go_Q: Floats) -> Floats:
    """What is to go, with the risk of carrying each inventory through one price move."""
    carried_Q = np.empty_like(to_go_Q)
    for i in range(len(to_go_Q)):
        exposure = terms.aversion * terms.sigma * (i - terms.most)
        carried_Q[i] = to_go_Q[i] * math.exp(exposure**2 * terms.tau / 2)
    return carried_Q


@njit(cache=True, nogil=True)
def _hit(terms: Quoting, distance: float) -> float:
    """Probability that a quote is hit in one step."""
    return 1.0 - math.exp(-terms.arrivals * terms.tau * math.exp(-terms.decay * distance))


@njit(cache=True, nogil=True)
def _outcome(terms: Quoting, carried_Q: Floats, i: int, ask: float, bid: float) -> float:
    """Expected factor of the utility when quoting `ask` and `bid` at inventory index `i`."""
    last = len(carried_Q) - 1
    sold = _hit(terms, ask) if i > 0 else 0.0
    bought = _hit(terms, bid) if i < last else 0.0
    by_ask, by_bid = math.exp(-terms.aversion * ask), math.exp(-terms.aversion * bid)
    total = (1.0 - sold) * (1.0 - bought) + sold * bought * by_ask * by_bid
    total *= carried_Q[i]
    if i > 0:
        total += sold * (1.0 - bought) * by_ask * carried_Q[i - 1]
    if i < last:
        total += (1.0 - sold) * bought * by_bid * carried_Q[i + 1]
    return float(total)


@njit(cache=True, nogil=True)
def _solve(terms: Quoting, quote_KQ2: Floats, to_go_KQ: Floats) -> None:
    for k in range(terms.steps - 1, -1, -1):
        carried_Q = _carried(terms, to_go_KQ[k + 1])
        for i in range(len(carried_Q)):
            ask = bid = 1.0 / terms.decay
            for _ in range(_ROUNDS):
                ask = _best_distance(terms, carried_Q, i, bid, True)
                bid = _best_distance(terms, carried_Q, i, ask, False)
            quote_KQ2[k, i, 0], quote_KQ2[k, i, 1] = ask, bid
            to_go_KQ[k, i] = _outcome(terms, carried_Q, i, ask, bid)


@njit(cache=True, nogil=True)
def _best_distance(terms: Quoting, carried_Q: Floats, i: int, other: float, asks: bool) -> float:
    """One side's best distance for the other side's, by golden section search (Kiefer 1953)."""
    low, high = 0.0, terms.farthest
    for _ in range(_CUTS):
        near, far = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        if asks:
            better = _outcome(terms, carried_Q, i, near, other) < _outcome(terms, carried_Q, i, far, other)
        else:
            better = _outcome(terms, carried_Q, i, other, near) < _outcome(terms, carried_Q, i, other, far)
        if better:
            high = far
        else:
            low = near
    return (low + high) / 2.0


def _make_state(count: int, seed: int) -> State:
    return State(np.zeros((count, 3)), random_words(count, seed))


@njit(cache=True, nogil=True)
def reset(state: State, terms: Quoting, observations_NO: Singles) -> None:
    """Every copy starts without inventory."""
    for n in range(len(state.words_N)):
        _begin(state, terms, n, observations_NO)


@njit(cache=True, nogil=True)
def step(
    state: State,
    terms: Quoting,
    actions_NA: Singles,
    observations_NO: Singles,
    rewards_N: Singles,
    terminated_N: Flags,
    truncated_N: Flags,
    final_NO: Singles,
) -> None:
    """Quote ask and bid, then meet the next mid. Rewards are steps of the utility (1 - exp(-aversion W)) / aversion."""
    for n in range(len(rewards_N)):
        held, wealth, done = state.book_N3[n, 0], state.book_N3[n, 1], state.book_N3[n, 2]
        ask = (actions_NA[n, 0] + 1.0) / 2.0 * terms.farthest
        bid = (actions_NA[n, 1] + 1.0) / 2.0 * terms.farthest
        # Drawn whether or not there is a quote, so that equal seeds see equal takers.
        sells, buys = uniform(state.words_N, n), uniform(state.words_N, n)
        before, start = wealth, held
        if start > -terms.most and sells < _hit(terms, ask):
            held, wealth = held - 1.0, wealth + ask
        if start < terms.most and buys < _hit(terms, bid):
            held, wealth = held + 1.0, wealth + bid
        wealth += held * terms.sigma * math.sqrt(terms.tau) * normal(state.words_N, n)
        rewards_N[n] = (math.exp(-terms.aversion * before) - math.exp(-terms.aversion * wealth)) / terms.aversion
        state.book_N3[n, 0], state.book_N3[n, 1], state.book_N3[n, 2] = held, wealth, done + 1.0
        terminated_N[n], truncated_N[n] = done + 1.0 >= terms.steps, False
        _observe(state, terms, n, observations_NO)
        if terminated_N[n]:
            final_NO[n] = observations_NO[n]
            _begin(state, terms, n, observations_NO)


@njit(cache=True, nogil=True)
def _begin(state: State, terms: Quoting, n: int, observations_NO: Singles) -> None:
    state.book_N3[n] = 0.0
    _observe(state, terms, n, observations_NO)


@njit(cache=True, nogil=True)
def _observe(state: State, terms: Quoting, n: int, observations_NO: Singles) -> None:
    observations_NO[n, 0] = 2.0 * state.book_N3[n, 2] / terms.steps - 1.0
    observations_NO[n, 1] = state.book_N3[n, 0] / terms.most

"""Betting a share of one's wealth on a binary contract (Kelly 1956, A new interpretation of information rate).

A contract that pays 1 with probability p costs c; its opposite costs 1 - c. Staking the share f > 0 on the first or
f < 0 on the second multiplies wealth by 1 + f (1 - c) / c, by 1 + |f| c / (1 - c), or by 1 - |f|. The log of wealth
grows fastest at f = (p - c) / (1 - c) for p > c and f = -(c - p) / c below; earlier bets do not matter.
"""

# N copies, B states, G grid points; a row of `offer_N3` is price, probability and bets done

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from gymnasium.spaces import Box
from numba import njit

from rookery.compiled_env import CompiledVectorEnv
from rookery.market.optimum.problem import Act, Problem
from rookery.randomness import Words, random_words, uniform

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]
_GRID = 101


class Betting(NamedTuple):
    """Prices are uniform in [lowest, 1 - lowest], chances within `edge` of the price; `largest` bounds a stake."""

    lowest: float = 0.25
    edge: float = 0.2
    largest: float = 0.9
    bets: int = 32


class State(NamedTuple):
    """Price, probability and bets done, and the generator word."""

    offer_N3: Floats
    words_N: Words


def best_stake(price_B: Floats, chance_B: Floats) -> Floats:
    """Kelly's share of wealth, negative on the opposite side."""
    return np.where(chance_B > price_B, (chance_B - price_B) / (1.0 - price_B), (chance_B - price_B) / price_B)


def growth(price_B: Floats, chance_B: Floats, stake_B: Floats) -> Floats:
    """Expected log growth of wealth per bet."""
    ratio_B = np.where(stake_B > 0, (1.0 - price_B) / price_B, price_B / (1.0 - price_B))
    wins_B = np.where(stake_B > 0, chance_B, 1.0 - chance_B)
    size_B = np.abs(stake_B)
    return np.asarray(wins_B * np.log1p(size_B * ratio_B) + (1.0 - wins_B) * np.log1p(-size_B))


def kelly(terms: Betting = Betting()) -> Problem:  # noqa: B008  an immutable tuple
    """The problem; values are mean log growth per bet over all offers, by the midpoint rule."""
    middle_G = (np.arange(_GRID) + 0.5) / _GRID
    price_B, shift_B = (axis.ravel() for axis in np.meshgrid(middle_G, 2.0 * middle_G - 1.0, indexing="ij"))
    price_B = terms.lowest + (1.0 - 2.0 * terms.lowest) * price_B
    chance_B = price_B + terms.edge * shift_B
    seen_BO = np.stack(_seen(terms, price_B, chance_B), axis=1).astype(np.float32)

    def best(seen_BO: Singles) -> Singles:
        price = seen_BO[:, 0].astype(np.float64) * (0.5 - terms.lowest) + 0.5
        chance = price + seen_BO[:, 1] * terms.edge
        return (best_stake(price, chance) / terms.largest)[:, None].astype(np.float32)

    def value(act: Act) -> float:
        stake_B = np.clip(act(seen_BO)[:, 0].astype(np.float64), -1.0, 1.0) * terms.largest
        return float(growth(price_B, chance_B, stake_B).mean())

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
        title="Kelly: a binary contract",
        source="Kelly 1956; f = (p - c) / (1 - c)",
        make=make,
        optimum=float(growth(price_B, chance_B, best_stake(price_B, chance_B)).mean()),
        best=best,
        value=value,
        # Log wealth is a sum to which each bet adds its own term: what comes later has no say in a stake.
        discount=0.0,
    )


def _seen(terms: Betting, price_B: Floats, chance_B: Floats) -> tuple[Floats, Floats]:
    return (price_B - 0.5) / (0.5 - terms.lowest), (chance_B - price_B) / terms.edge


def _make_state(count: int, seed: int) -> State:
    return State(np.zeros((count, 3)), random_words(count, seed))


@njit(cache=True, nogil=True)
def reset(state: State, terms: Betting, observations_NO: Singles) -> None:
    """Offer every copy its first contract."""
    for n in range(len(state.words_N)):
        state.offer_N3[n, 2] = 0.0
        _offer(state, terms, n, observations_NO)


@njit(cache=True, nogil=True)
def step(
    state: State,
    terms: Betting,
    actions_NA: Singles,
    observations_NO: Singles,
    rewards_N: Singles,
    terminated_N: Flags,
    truncated_N: Flags,
    final_NO: Singles,
) -> None:
    """Bet, see the outcome, be paid the log growth, and be offered the next contract."""
    for n in range(len(rewards_N)):
        price, chance = state.offer_N3[n, 0], state.offer_N3[n, 1]
        stake, happens = actions_NA[n, 0] * terms.largest, uniform(state.words_N, n) < chance
        if stake > 0.0:
            won = stake * (1.0 - price) / price if happens else -stake
        else:
            won = stake if happens else -stake * price / (1.0 - price)
        rewards_N[n] = math.log1p(won)
        state.offer_N3[n, 2] += 1.0
        terminated_N[n], truncated_N[n] = state.offer_N3[n, 2] >= terms.bets, False
        _offer(state, terms, n, observations_NO)
        if terminated_N[n]:
            final_NO[n] = observations_NO[n]
            state.offer_N3[n, 2] = 0.0


@njit(cache=True, nogil=True)
def _offer(state: State, terms: Betting, n: int, observations_NO: Singles) -> None:
    price = terms.lowest + (1.0 - 2.0 * terms.lowest) * uniform(state.words_N, n)
    shift = 2.0 * uniform(state.words_N, n) - 1.0
    state.offer_N3[n, 0], state.offer_N3[n, 1] = price, price + terms.edge * shift
    observations_NO[n, 0] = (price - 0.5) / (0.5 - terms.lowest)
    observations_NO[n, 1] = shift

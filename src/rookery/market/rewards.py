"""What an agent is paid for a step: the log return, or one of four shapings of it."""

# N copies; memory_N3 holds two running moments and the highest net worth of the episode

import math
from typing import Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt
from numba import njit

Floats = npt.NDArray[np.float64]
RewardName = Literal["log_return", "differential_sharpe", "sortino", "drawdown", "cost_aware"]
REWARDS: tuple[RewardName, ...] = get_args(RewardName)
_LOG_RETURN, _SHARPE, _SORTINO, _DRAWDOWN, _COST = range(5)
# Net worth counts as at least this share of the starting capital, so that ruin has a finite logarithm.
LEAST_WORTH = 1e-6
# The differential ratios are unbounded while their moments are still near 0.
_LARGEST_RATIO = 10.0


class Reward(NamedTuple):
    """Which reward (index in REWARDS), the decay of its moments, and the weight of its penalty."""

    kind: int
    decay: float
    weight: float


def reward(name: RewardName, *, decay: float = 0.01, weight: float = 1.0) -> Reward:
    """A reward in kernel form. `decay` is for the differential ratios, `weight` for drawdown and cost_aware."""
    if not 0 < decay < 1 or not (math.isfinite(weight) and weight >= 0):
        raise ValueError(f"decay {decay} must lie between 0 and 1, weight {weight} be 0 or more")
    return Reward(kind=REWARDS.index(name), decay=decay, weight=weight)


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def begin_rewards(memory_N3: Floats, n: int, capital: float) -> None:
    """Copy `n` starts an episode with `capital`."""
    memory_N3[n, 0] = 0.0
    memory_N3[n, 1] = 0.0
    memory_N3[n, 2] = capital


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def step_reward(
    reward: Reward, memory_N3: Floats, n: int, before: float, after: float, cost: float, capital: float
) -> float:
    """Reward of one step from net worth `before` to `after`, of which `cost` was fees, slippage and carry.

    The caller keeps the highest net worth so far in memory_N3[n, 2] and raises it after this call.

    log_return: log(after / before); its sum is the change of log net worth. No shaping.
    differential_sharpe: derivative of the Sharpe ratio's moving estimate (Moody and Saffell 2001, eq. 14).
    sortino: derivative of the downside deviation ratio's moving estimate (Moody and Saffell 2001, section II-D).
    drawdown: log return - weight x what the drawdown grew by (drawdown as in Chekhlov, Uryasev and Zabarankin 2005).
    cost_aware: log return - weight x cost / before: costs count 1 + weight times (net worth holds them once).
    """
    least = LEAST_WORTH * capital
    before, after = max(before, least), max(after, least)
    log_return = math.log(after / before)
    if reward.kind == _LOG_RETURN:
        return log_return
    if reward.kind == _COST:
        return log_return - reward.weight * cost / before
    if reward.kind == _DRAWDOWN:
        peak = memory_N3[n, 2]
        deepened = max(0.0, (before - after) / peak)
        return float(log_return - reward.weight * deepened)
    return _differential_ratio(reward, memory_N3, n, after / before - 1.0)


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _differential_ratio(reward: Reward, memory_N3: Floats, n: int, gained: float) -> float:
    mean, square = memory_N3[n, 0], memory_N3[n, 1]
    ratio = 0.0
    if reward.kind == _SHARPE:
        variance = square - mean * mean
        squared = gained * gained
        if variance > 0.0:
            ratio = (square * (gained - mean) - 0.5 * mean * (squared - square)) / variance**1.5
    else:
        squared = min(gained, 0.0) ** 2
        if square > 0.0:
            downside = math.sqrt(square)
            if gained > 0.0:
                ratio = (gained - 0.5 * mean) / downside
            else:
                ratio = (square * (gained - 0.5 * mean) - 0.5 * mean * squared) / (square * downside)
    memory_N3[n, 0] = mean + reward.decay * (gained - mean)
    memory_N3[n, 1] = square + reward.decay * (squared - square)
    return float(min(max(ratio, -_LARGEST_RATIO), _LARGEST_RATIO))

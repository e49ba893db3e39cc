"""Two markets on the ledger itself: a martingale, where no trade is best, and one whose next return is leaked.

Both are traded through `BarsVectorEnv`: bars without gaps, target positions of -1, 0 or +1 times net worth, a
proportional cost, and the log return as reward. On a martingale any position expects nothing and each trade costs: the
best policy is to stay flat, and whoever trades loses what he pays. With the next return in the observation the best
policy is a rule with a band, found by dynamic programming; a learner that cannot take so plain a leak proves nothing
by finding no edge.
"""

# T bars, B states, G grid points, H = 3 positions: short, flat, long

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from rookery.market.accounts import CARRY, EVENTS, FEES, SLIPPAGE
from rookery.market.bars import Bars
from rookery.market.env_config import EnvConfig
from rookery.market.observations import bar_features
from rookery.market.optimum.problem import Act, Problem
from rookery.market.scenarios import generate
from rookery.market.vector_env import BarsVectorEnv

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
VOLATILITY = 0.005
# The specification's own 30 basis points where nothing can be earned.
MARTINGALE_COST, LEAK_COST, LEAK_DISCOUNT = 0.003, 0.001, 0.97
# Entering costs a trade and holding costs nothing more, so a policy that holds learns to stay out only from the bars on
# which it is flat: short episodes give it enough of them.
_MARTINGALE_EPISODE, _LEAK_EPISODE = 32, 128
_BARS, _GRID = 200_000, 401
_TRAINING_SEED, _EVALUATION_SEED, _EVALUATION_COPIES = 1, 2, 2000
_CAPITAL = 1000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What N accounts did in one episode each: profit and costs as shares of capital, and trades."""

    profit_N: Floats
    cost_N: Floats
    trades_N: Floats
    steps: int


def martingale_envs(num_envs: int, seed: int, *, fresh: bool = False) -> BarsVectorEnv:
    """Accounts on a martingale with costs; `fresh` gives bars that training never sees."""
    bars = _bars(fresh=fresh)
    return BarsVectorEnv(
        num_envs,
        bars=bars,
        features_TF=bar_features(bars),
        config=_config(MARTINGALE_COST, _MARTINGALE_EPISODE),
        seed=seed,
    )


def leaked_envs(num_envs: int, seed: int, *, fresh: bool = False) -> BarsVectorEnv:
    """Accounts on the same kind of bars whose only feature is the log return of the NEXT bar, over its volatility."""
    bars = _bars(fresh=fresh)
    return BarsVectorEnv(
        num_envs, bars=bars, features_TF=_next_return(bars), config=_config(LEAK_COST, _LEAK_EPISODE), seed=seed
    )


def outcome(act: Act, envs: BarsVectorEnv, *, seed: int = _EVALUATION_SEED) -> Outcome:
    """Let a deterministic policy trade one episode in every copy, to the bar before it is cut off."""
    observations_NO, _ = envs.reset(seed=seed)
    steps = envs.params.episode_length - 1
    for _ in range(steps):
        observations_NO, *_ = envs.step(act(observations_NO))
    money_NB = envs.state.money_NB
    return Outcome(
        profit_N=envs.state.worth_N / _CAPITAL - 1.0,
        cost_N=(money_NB[:, FEES] + money_NB[:, SLIPPAGE] + money_NB[:, CARRY]) / _CAPITAL,
        trades_N=envs.state.counts_NK[:, EVENTS.index("fill")].astype(np.float64),
        steps=steps,
    )


def leaked_future() -> Problem:
    """The leaked market; values are mean log growth per episode over 2,000 accounts on bars that training never saw."""
    envs = leaked_envs(_EVALUATION_COPIES, _EVALUATION_SEED, fresh=True)
    gap = _gap_between_flat_and_held(LEAK_COST)

    def best(seen_BO: Singles) -> Singles:
        change_B, held_B = seen_BO[:, 0].astype(np.float64) * VOLATILITY, np.rint(seen_BO[:, 1])
        wished_B = np.array([-1.0, 0.0, 1.0])
        choice_BH = change_B[:, None] * wished_B - LEAK_COST * np.abs(wished_B - held_B[:, None])
        choice_BH += LEAK_DISCOUNT * gap * np.abs(wished_B)
        return np.asarray(choice_BH.argmax(axis=1)[:, None], np.float32)

    def value(act: Act) -> float:
        return float(np.log1p(outcome(act, envs).profit_N).mean())

    return Problem(
        title="Leaked future: the next return is shown",
        source="dynamic programming over position and next return",
        make=leaked_envs,
        optimum=value(best),
        best=best,
        value=value,
        discount=LEAK_DISCOUNT,
    )


def _config(cost: float, episode_length: int) -> EnvConfig:
    return EnvConfig(
        actions="target",
        num_targets=3,
        episode_length=episode_length,
        initial_capital=_CAPITAL,
        transaction_cost=cost,
        max_position_size=1.0,
        stop_loss_pct=None,
        # Keeps a held position from being trimmed back to its share of net worth at every bar.
        min_trade=0.5,
    )


def _bars(*, fresh: bool) -> Bars:
    seed = _EVALUATION_SEED if fresh else _TRAINING_SEED
    return generate("martingale", bars=_BARS, seed=seed, volatility=VOLATILITY)


def _next_return(bars: Bars) -> Singles:
    change_T = np.diff(np.log(bars.close_TM[:, 0]), append=np.log(bars.close_TM[-1, 0]))
    return (change_T[:, None] / VOLATILITY).astype(np.float32)


def _gap_between_flat_and_held(cost: float) -> float:
    """How much more it is worth to be in the market than flat, before the next return is shown; value iteration.

    By symmetry long and short are worth the same, and with linear returns only this difference enters a decision.
    """
    middle_G = (np.arange(_GRID) + 0.5) / _GRID
    change_G = VOLATILITY * _normal_quantile(middle_G)
    gap = 0.0
    for _ in range(10_000):
        held_value, flat_value = (_next_value(change_G, held, gap, cost) for held in (1.0, 0.0))
        moved = held_value - flat_value
        if abs(moved - gap) < 1e-14:
            break
        gap = moved
    return gap


def _next_value(change_G: Floats, held: float, gap: float, cost: float) -> float:
    wished_H = np.array([-1.0, 0.0, 1.0])
    choice_GH = change_G[:, None] * wished_H - cost * np.abs(wished_H - held)
    choice_GH += LEAK_DISCOUNT * gap * np.abs(wished_H)
    return float(choice_GH.max(axis=1).mean())


def _normal_quantile(level_G: Floats) -> Floats:
    law = NormalDist()
    return np.array([law.inv_cdf(level) for level in level_G])

"""What a meta-controller is paid for a bar: risk-adjusted return first, then how the capital was spread and risked."""

# N accounts, S specialists

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import Field

from rookery.config import Config
from rookery.market.compilation import inlined
from rookery.market.rewards import LEAST_WORTH

Floats = npt.NDArray[np.float64]
_LARGEST_RATIO = 10.0
_TURN = 0.2
# Below it a return is no longer scaled up: what is left of it then is rounding and the costs of closing.
_LEAST_APPETITE = 0.05
_EXCESS, _PERCENT = 10.0, 100.0


class PortfolioReward(Config):
    """Weights of the terms of one bar's reward; 0 drops a term. e is the number of bars in an episode.

    `sharpe` x the lead in differential Sharpe ratio (Moody and Saffell 2001, eq. 14), decay `decay`, over equal
    allocations to the same specialists; of the return per unit of risk appetite, less what the positions' gross value
    would have earned free of risk (idle cash earns as much either way); a loss's square counts `downside` times. It
    takes the place of (mean / deviation - target), in which a ratio of one bar met a target of one year. What equal
    allocations earn does not depend on the meta-controller's action: taking it off moves no gradient of its own on
    average, and most of the market's noise goes with it (a control variate, Greensmith, Bartlett and Baxter 2004). It
    does depend on the specialists' stances: who pays them this reward gives back what was taken off. Per unit, since a
    ratio cannot tell how much to risk, and its moving moments would pay for risking less after luck; that is for the
    other terms.

    `growth` x 100 x the log return, `cost` x -100 x the share of net worth that costs took: both in percent. The others
    are rates: an episode that earns one in full has its weight once. `diversification` x entropy of the allocation /
    log S / e. `stability` x (1 - min(largest change of a share / 0.2, 1)) / e. `risk` x (1 while the value at risk is
    within its limit, else -10 x its excess over the limit as a share of it) / e. `drawdown` x -10 x the drawdown beyond
    `max_drawdown` / e. `bounds` x -(what allocations miss of `least_share` and exceed of `most_share`) / e.

    The published coordination bonus depends on the instruments' correlation alone, which no allocation moves: a
    constant, and left out.
    """

    growth: float = Field(default=1.0, ge=0)
    sharpe: float = Field(default=2.0, ge=0)
    diversification: float = Field(default=0.5, ge=0)
    stability: float = Field(default=0.3, ge=0)
    risk: float = Field(default=3.0, ge=0)
    cost: float = Field(default=1.0, ge=0)
    drawdown: float = Field(default=5.0, ge=0)
    bounds: float = Field(default=2.0, ge=0)
    max_drawdown: float = Field(default=0.15, gt=0, le=1)
    least_share: float = Field(default=0.1, ge=0, le=1)
    most_share: float = Field(default=0.7, ge=0, le=1)
    downside: float = Field(default=1.0, ge=0)
    decay: float = Field(default=0.01, gt=0, lt=1)
    risk_free_per_bar: float = Field(default=0.0, gt=-1)

    def terms(self, *, episode_length: int) -> "RewardTerms":
        """In kernel form."""
        rate = 1.0 / episode_length
        return RewardTerms(
            self.growth,
            self.sharpe,
            self.diversification * rate,
            self.stability * rate,
            self.risk * rate,
            self.cost,
            self.drawdown * rate,
            self.bounds * rate,
            self.max_drawdown,
            self.least_share,
            self.most_share,
            self.downside,
            self.decay,
            self.risk_free_per_bar,
        )


class RewardTerms(NamedTuple):
    """PortfolioReward as the kernel reads it: rates are per bar."""

    growth: float
    sharpe: float
    diversification: float
    stability: float
    risk: float
    cost: float
    drawdown: float
    bounds: float
    max_drawdown: float
    least_share: float
    most_share: float
    downside: float
    decay: float
    risk_free: float


@inlined
def portfolio_reward(
    terms: RewardTerms,
    memory_N4: Floats,
    n: int,
    before: float,
    after: float,
    cost: float,
    capital: float,
    gross: float,
    appetite: float,
    equal: float,
    drawdown: float,
    risk_ratio: float,
    share_NS: Floats,
    last_NS: Floats,
) -> tuple[float, float]:
    """The reward of account `n` for one bar from net worth `before` to `after`, of which `cost` was paid; and what was
    taken off it for equal allocations.

    `gross` is the positions' gross value over net worth, `equal` the excess return of equal allocations, in any unit;
    `risk_ratio` is value at risk over its limit; `share_NS` and `last_NS` are the allocations of this bar and the last.
    """
    before, after = max(before, LEAST_WORTH * capital), max(after, LEAST_WORTH * capital)
    total = _PERCENT * (terms.growth * math.log(after / before) - terms.cost * cost / before)
    excess = (after / before - 1.0 - gross * terms.risk_free) / max(appetite, _LEAST_APPETITE)
    total += terms.sharpe * differential_sharpe(terms, memory_N4, n, 0, excess)
    control = terms.sharpe * differential_sharpe(terms, memory_N4, n, 2, equal)
    total -= control
    entropy, turned, missed = 0.0, 0.0, 0.0
    count = share_NS.shape[1]
    for s in range(count):
        share = share_NS[n, s]
        if share > 0.0:
            entropy -= share * math.log(share)
        turned = max(turned, abs(share - last_NS[n, s]))
        missed += max(terms.least_share - share, 0.0) + max(share - terms.most_share, 0.0)
    if count > 1:
        total += terms.diversification * entropy / math.log(count)
        total -= terms.bounds * missed
    total += terms.stability * (1.0 - min(turned / _TURN, 1.0))
    total += terms.risk * (1.0 if risk_ratio <= 1.0 else -_EXCESS * (risk_ratio - 1.0))
    return float(total - terms.drawdown * _EXCESS * max(drawdown - terms.max_drawdown, 0.0)), float(control)


@inlined
def differential_sharpe(terms: RewardTerms, memory_N4: Floats, n: int, first: int, gained: float) -> float:
    """Derivative of the moving Sharpe ratio for a return `gained`, within +-10; moves two moments, from `first` on."""
    mean, square = memory_N4[n, first], memory_N4[n, first + 1]
    squared = gained * gained * (terms.downside if gained < 0.0 else 1.0)
    variance, ratio = square - mean * mean, 0.0
    if variance > 0.0:
        ratio = (square * (gained - mean) - 0.5 * mean * (squared - square)) / variance**1.5
    memory_N4[n, first] = mean + terms.decay * (gained - mean)
    memory_N4[n, first + 1] = square + terms.decay * (squared - square)
    return float(min(max(ratio, -_LARGEST_RATIO), _LARGEST_RATIO))

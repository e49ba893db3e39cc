"""A market in which every specialist's skill is known, and with it the best that any constant allocation can do."""

# T bars, S specialists, one instrument each

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rookery.features.macro import meta_macro
from rookery.market.agent_view import market_view
from rookery.market.bars import bars_of_closes
from rookery.market.portfolio_vector_env import PortfolioData
from rookery.models.specialist import BUY, SELL

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlantedPortfolio:
    """Bars, what each specialist says at every close (T, S; indices in ACTIONS), and how good it is.

    `skill_S` is each specialist's Sharpe ratio per bar, before costs.
    """

    data: PortfolioData
    script_TM: npt.NDArray[np.int8]
    skill_S: Floats

    def best_allocation(self) -> Floats:
        """The constant allocation of the highest Sharpe ratio before costs: skill over the sum of skills.

        Returns are independent and of equal volatility, so the tangency portfolio (Tobin 1958) is in proportion to
        mean / variance, which is skill / volatility.
        """
        skill_S = np.maximum(self.skill_S, 0.0)
        return np.asarray(skill_S / skill_S.sum())


def planted_portfolio(
    skill: Sequence[float], *, bars: int, seed: int, volatility: float = 0.005, stay: float = 0.95
) -> PlantedPortfolio:
    """A side per specialist that stays with probability `stay`, and returns that expect skill x volatility on it.

    r(t + 1) = volatility (skill x side(t) + e), e standard normal: holding the side earns `skill` per bar and unit of
    risk, and a skill of 0 earns nothing. Equal arguments give equal bars.
    """
    skill_S, draws = np.asarray(skill, np.float64), np.random.default_rng(seed)
    shape = (bars, len(skill_S))
    turns_TS = np.where(draws.random(shape) < stay, 1.0, -1.0)
    side_TS = np.cumprod(turns_TS, axis=0)
    returns_TS = volatility * draws.standard_normal(shape)
    returns_TS[1:] += volatility * skill_S * side_TS[:-1]
    made = bars_of_closes(100.0 * np.cumprod(1.0 + np.maximum(returns_TS, -0.5), axis=0).astype(np.float64))
    return PlantedPortfolio(
        data=PortfolioData(
            bars=made,
            traded_TM=np.ones(shape, np.bool_),
            groups=tuple((m,) for m in range(shape[1])),
            domains=tuple(np.zeros((bars, 1), np.float32) for _ in range(shape[1])),
            view_TMK=market_view(made),
            macro_TK=meta_macro({}, bars)[0],
        ),
        script_TM=np.where(side_TS > 0.0, BUY, SELL).astype(np.int8),
        skill_S=skill_S,
    )


def simplex(parts: int, steps: int) -> Floats:
    """All allocations to `parts` in multiples of 1 / `steps` that sum to 1, one a row."""
    return np.array(list(_compositions(parts, steps)), np.float64) / steps


def _compositions(parts: int, total: int) -> Iterator[tuple[int, ...]]:
    for cuts in itertools.combinations(range(total + parts - 1), parts - 1):
        ends = (-1, *cuts, total + parts - 1)
        yield tuple(ends[i + 1] - ends[i] - 1 for i in range(parts))

"""Intervals for figures of many markets: whole markets are drawn anew, never rows, which depend on one another."""

# M markets, B draws, R rows, X sums of a market

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from rookery.evaluation.report.estimate import Estimate
from rookery.measures import Floats, Ints

DRAWS = 1_000
LEAST_MARKETS = 10
_SAME = 1e-12

Figure = Callable[[Floats], Floats]


def market_draws(markets: int, *, seed: int, draws: int = DRAWS) -> Floats:
    """(B, M) How often each of M markets is in each draw of M of them (Efron 1979, markets as the units)."""
    if markets < 1:
        raise ValueError("there is no market to draw")
    rng = np.random.default_rng(seed)
    return rng.multinomial(markets, np.full(markets, 1.0 / markets), size=draws).astype(np.float64)


def sums_by_market(values: npt.NDArray[Any], market_R: Ints, markets: int) -> Floats:
    """(M, X) Sum of each column of `values` (R, X) or (R,) over the rows of each market."""
    columns = values.reshape(len(market_R), -1).T
    return np.stack([np.bincount(market_R, weights=one, minlength=markets) for one in columns], axis=1)


def estimate(sums_MX: Floats, figure: Figure, draws_BM: Floats) -> Estimate:
    """What `figure` makes of the sums over all markets, with the 95 % percentile interval over the draws.

    `figure` maps (..., X) sums to (...) values. Under LEAST_MARKETS markets there is no interval.
    """
    value = float(figure(sums_MX.sum(axis=0)))
    if len(sums_MX) < LEAST_MARKETS:
        return Estimate(value=value, note=f"no interval: {len(sums_MX)} markets, {LEAST_MARKETS} are needed")
    drawn_B = figure(draws_BM @ sums_MX)
    low, high = np.nanquantile(drawn_B, (0.025, 0.975))
    if not high - low > _SAME:
        return Estimate(value=value, note="no interval: the same in every resample")
    return Estimate(value=value, low=float(low), high=float(high))


def mean_over_rows(values_R: Floats, market_R: Ints, draws_BM: Floats) -> Estimate:
    """Mean over rows, markets drawn anew: a ratio of two sums."""
    columns = np.stack((values_R, np.ones_like(values_R)), axis=1)
    return estimate(sums_by_market(columns, market_R, draws_BM.shape[1]), ratio, draws_BM)


def mean_over_markets(values_M: Floats, *, seed: int) -> Estimate:
    """Mean of one figure per market."""
    if not values_M.size:
        return Estimate.absent("there is no market")
    columns = np.stack((values_M, np.ones_like(values_M)), axis=1)
    return estimate(columns, ratio, market_draws(values_M.size, seed=seed))


def ratio_over_markets(above_M: Floats, below_M: Floats, *, seed: int) -> Estimate:
    """Sum of one figure over the sum of another, such as profit a share."""
    if not above_M.size or not below_M.sum():
        return Estimate.absent("there is nothing to divide by")
    return estimate(np.stack((above_M, below_M), axis=1), ratio, market_draws(above_M.size, seed=seed))


def ratio(sums: Floats) -> Floats:
    """First column over second; NaN over 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(sums[..., 0] / sums[..., 1])

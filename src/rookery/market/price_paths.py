"""Log returns of invented markets, each with one property that an agent can be tried on."""

# T bars, M instruments; `volatility` is the standard deviation of one bar's log return

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

Floats = npt.NDArray[np.float64]


class Condition(NamedTuple):
    """Volatility as a multiple of the base, drift as a share of volatility, bounce (see `conditions`) likewise."""

    volatility: float
    trend: float
    noise: float


def gbm(draws: np.random.Generator, shape: tuple[int, int], volatility: float, drift: float) -> Floats:
    """Geometric Brownian motion: independent normal log returns whose price drifts by `drift` per bar."""
    return drift - volatility**2 / 2 + volatility * draws.standard_normal(shape)


def ornstein_uhlenbeck(draws: np.random.Generator, shape: tuple[int, int], volatility: float, pull: float) -> Floats:
    """Log price that goes back by `pull` of its distance from the mean each bar (Uhlenbeck and Ornstein 1930)."""
    level_TM = _autoregression(volatility * draws.standard_normal(shape), 1.0 - pull)
    return np.diff(level_TM, axis=0, prepend=0.0)


def jumps(draws: np.random.Generator, shape: tuple[int, int], volatility: float, chance: float) -> Floats:
    """Diffusion plus rare normal jumps of ten times its volatility, compensated (Merton 1976)."""
    size = 10.0 * volatility
    jumped_TM = (draws.random(shape) < chance) * draws.standard_normal(shape) * size
    compensation = chance * float(np.expm1(size**2 / 2))
    return gbm(draws, shape, volatility, 0.0) + jumped_TM - compensation


def regime_switching(draws: np.random.Generator, shape: tuple[int, int], volatility: float, stay: float) -> Floats:
    """A calm rising and a wild falling state; each lasts 1 / (1 - stay) bars on average (Hamilton 1989)."""
    switches_T = draws.random(shape[0]) > stay
    wild_T1 = (np.cumsum(switches_T) % 2 == 1)[:, None]
    drift_T1 = np.where(wild_T1, -0.1, 0.1) * volatility
    return drift_T1 + volatility * np.where(wild_T1, 2.0, 0.7) * draws.standard_normal(shape)


def garch(draws: np.random.Generator, shape: tuple[int, int], volatility: float, persistence: float) -> Floats:
    """GARCH(1, 1) with alpha 0.1 and alpha + beta = `persistence` (Bollerslev 1986)."""
    return _garch(draws.standard_normal(shape), volatility, 0.1, persistence - 0.1)


def correlated(draws: np.random.Generator, shape: tuple[int, int], volatility: float, correlation: float) -> Floats:
    """Normal returns with the same `correlation` between any two instruments."""
    return volatility * _one_factor(draws, shape, np.full((shape[0], 1), correlation))


def correlation_breakdown(
    draws: np.random.Generator, shape: tuple[int, int], volatility: float, before: float
) -> Floats:
    """Correlation `before` in the first half of every 1,000 bars and none in the second."""
    phase_T1 = (np.arange(shape[0]) % 1000 < 500)[:, None]
    return volatility * _one_factor(draws, shape, np.where(phase_T1, before, 0.0))


def sector_rotation(draws: np.random.Generator, shape: tuple[int, int], volatility: float, trend: float) -> Floats:
    """Every 250 bars another instrument rises by `trend` x volatility per bar while the others fall to balance it."""
    count, instruments = shape
    leader_T1 = (np.arange(count) // 250 % max(instruments, 2))[:, None]
    leads_TM = np.arange(instruments) == leader_T1
    lag = -1.0 / max(instruments - 1, 1)
    return volatility * (trend * np.where(leads_TM, 1.0, lag) + draws.standard_normal(shape))


def planted_edge(draws: np.random.Generator, shape: tuple[int, int], volatility: float, share: float) -> Floats:
    """Each return expects `share` of the one before: an edge that the past shows and a trader can take."""
    innovation = volatility * np.sqrt(1.0 - share**2)
    return _autoregression(innovation * draws.standard_normal(shape), share)


def conditions(draws: np.random.Generator, shape: tuple[int, int], volatility: float, how: Condition) -> Floats:
    """Volatility, drift of `trend` / 10 volatilities per bar, and a bounce of `noise` x volatility that goes again."""
    scale = volatility * how.volatility
    bounce_TM = how.noise * scale * draws.standard_normal(shape)
    steady_TM = gbm(draws, shape, scale, 0.1 * how.trend * scale)
    return steady_TM + np.diff(bounce_TM, axis=0, prepend=0.0)


def _one_factor(draws: np.random.Generator, shape: tuple[int, int], correlation_T1: Floats) -> Floats:
    common_T1, own_TM = draws.standard_normal((shape[0], 1)), draws.standard_normal(shape)
    return np.sqrt(correlation_T1) * common_T1 + np.sqrt(1.0 - correlation_T1) * own_TM


@njit(cache=True, nogil=True)
def _autoregression(shocks_TM: Floats, share: float) -> Floats:
    level_TM = shocks_TM.copy()
    for t in range(1, len(level_TM)):
        for m in range(level_TM.shape[1]):
            level_TM[t, m] += share * level_TM[t - 1, m]
    return level_TM


@njit(cache=True, nogil=True)
def _garch(shocks_TM: Floats, volatility: float, alpha: float, beta: float) -> Floats:
    returns_TM = np.empty_like(shocks_TM)
    for m in range(shocks_TM.shape[1]):
        variance = volatility**2
        for t in range(len(shocks_TM)):
            returns_TM[t, m] = np.sqrt(variance) * shocks_TM[t, m]
            variance = (1.0 - alpha - beta) * volatility**2 + alpha * returns_TM[t, m] ** 2 + beta * variance
    return returns_TM

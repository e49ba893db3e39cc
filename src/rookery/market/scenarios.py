"""Invented bars by name, seed and level of difficulty: what agents are tried on and schooled with."""

# T bars, M instruments

from collections.abc import Mapping
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from rookery.market import price_paths
from rookery.market.bars import Bars
from rookery.market.price_paths import Condition

Floats = npt.NDArray[np.float64]
ScenarioName = Literal[
    "gbm",
    "ou",
    "jumps",
    "regime_switching",
    "garch",
    "correlated",
    "correlation_breakdown",
    "sector_rotation",
    "planted_edge",
    "martingale",
    "low_volatility",
    "high_volatility",
    "trending",
    "ranging",
    "crisis",
    "macro",
]
Level = Literal["easy", "medium", "hard"]
SCENARIOS: tuple[ScenarioName, ...] = get_args(ScenarioName)
LEVELS: tuple[Level, ...] = get_args(Level)

# Share of a curriculum's episodes, and its scenarios, by level.
CURRICULUM_SHARE: Mapping[Level, float] = {"easy": 0.4, "medium": 0.4, "hard": 0.2}
CURRICULUM: Mapping[Level, tuple[ScenarioName, ...]] = {
    "easy": ("low_volatility", "trending"),
    "medium": ("ranging", "sector_rotation"),
    "hard": ("high_volatility", "crisis", "correlation_breakdown"),
}
_CONDITIONS: Mapping[str, Condition] = {
    "low_volatility": Condition(0.5, 0.3, 0.1),
    "trending": Condition(0.7, 0.8, 0.2),
    "ranging": Condition(0.6, 0.1, 0.3),
    "high_volatility": Condition(2.0, 0.4, 0.5),
    "crisis": Condition(3.0, -0.6, 0.8),
    "macro": Condition(1.8, 0.3, 0.6),
}
# How much of a scenario's property is there to be found, relative to medium.
_STRENGTH: Mapping[Level, float] = {"easy": 2.0, "medium": 1.0, "hard": 0.5}


def generate(
    name: ScenarioName,
    *,
    bars: int,
    seed: int,
    level: Level = "medium",
    instruments: int = 1,
    volatility: float = 0.005,
    start: float = 100.0,
) -> Bars:
    """`bars` bars of a scenario; equal arguments give equal bars, and no two scenarios or levels share their draws.

    `volatility` is that of one bar's log return before the scenario changes it. A level changes how strong the
    scenario's property is (twice on easy, half on hard), never the volatility of gbm and martingale, which have none.
    Every bar opens at the close before it; high and low are those of a Brownian path between the two.
    """
    if name not in SCENARIOS or level not in LEVELS:
        raise ValueError(f"no scenario '{name}' of level '{level}'; known: {SCENARIOS} and {LEVELS}")
    if bars < 1 or instruments < 1 or not 0 < volatility < 1 or not start > 0:
        raise ValueError("bars and instruments must be 1 or more, volatility between 0 and 1, start above 0")
    draws = np.random.default_rng((seed, SCENARIOS.index(name), LEVELS.index(level)))
    returns_TM = _returns(name, draws, (bars, instruments), volatility, _STRENGTH[level])
    return _bars_of_returns(returns_TM, draws, volatility, start)


def _returns(
    name: ScenarioName, draws: np.random.Generator, shape: tuple[int, int], volatility: float, strength: float
) -> Floats:
    if name in _CONDITIONS:
        how = _CONDITIONS[name]
        return price_paths.conditions(draws, shape, volatility, how._replace(trend=how.trend * strength))
    paths = {
        "gbm": lambda: price_paths.gbm(draws, shape, volatility, 0.05 * volatility),
        "martingale": lambda: price_paths.gbm(draws, shape, volatility, 0.0),
        "ou": lambda: price_paths.ornstein_uhlenbeck(draws, shape, volatility, 0.1 * strength),
        "jumps": lambda: price_paths.jumps(draws, shape, volatility, 0.01 / strength),
        "regime_switching": lambda: price_paths.regime_switching(draws, shape, volatility, 1.0 - 0.01 / strength),
        "garch": lambda: price_paths.garch(draws, shape, volatility, 1.0 - 0.05 / strength),
        "correlated": lambda: price_paths.correlated(draws, shape, volatility, 0.4 * strength),
        "correlation_breakdown": lambda: price_paths.correlation_breakdown(draws, shape, volatility, 0.45 * strength),
        "sector_rotation": lambda: price_paths.sector_rotation(draws, shape, volatility, 0.1 * strength),
        "planted_edge": lambda: price_paths.planted_edge(draws, shape, volatility, 0.2 * strength),
    }
    return paths[name]()


def _bars_of_returns(returns_TM: Floats, draws: np.random.Generator, volatility: float, start: float) -> Bars:
    close_TM = start * np.exp(np.cumsum(returns_TM, axis=0))
    open_TM = close_TM * np.exp(-returns_TM)
    # Extremes of a Brownian bridge from 0 to x: (x +- sqrt(x^2 - 2 s^2 log u)) / 2 (Karatzas and Shreve 1991, 4.3.40).
    scale = 0.5 * volatility
    up_TM, down_TM = -2.0 * scale**2 * np.log(1.0 - draws.random((2, *returns_TM.shape)))
    high_TM = open_TM * np.exp(0.5 * (returns_TM + np.sqrt(returns_TM**2 + up_TM)))
    low_TM = open_TM * np.exp(0.5 * (returns_TM - np.sqrt(returns_TM**2 + down_TM)))
    activity_TM = np.abs(returns_TM) / volatility + 0.5 * draws.standard_normal(returns_TM.shape)
    return Bars(
        open_TM=open_TM,
        high_TM=np.maximum(high_TM, np.maximum(open_TM, close_TM)),
        low_TM=np.minimum(low_TM, np.minimum(open_TM, close_TM)),
        close_TM=close_TM,
        volume_TM=1e6 * np.exp(activity_TM),
    )

"""What a trader by rule would do at every swap: buy what fell, sell what rose, follow what breaks out."""

from typing import Annotated, Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
import polars as pl
from numba import njit
from pydantic import Field, model_validator

from rookery.config import Config
from rookery.features import windows
from rookery.features.windows import Floats, trailing_mean, trailing_sum
from rookery.schema import TIME

# A label looks no rows ahead: it is what the rules say of the row and of those before it.
HORIZON_ROWS = 0

_Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_Fraction = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
_Hour = Annotated[int, Field(ge=0, le=23)]

_NS_PER_HOUR = 3_600_000_000_000

# A breakout is over soon: it is worth less slippage and less waiting than a return to the mean.
_BREAKOUT_SLIPPAGE_BPS = 30.0
_BREAKOUT_DEADLINE_S = 120.0


class Rules(Config):
    """Thresholds of the rules, under the names of the specification's JSON files.

    Deviation, momentum and volatility are relative (0.001 is 10 bps); multipliers and thresholds of volume are
    against `volume_ma`; sizes are fractions of what the side spends; hours are UTC, both ends included, and may run
    past midnight (20 to 4). `min_liquidity_depth` is read and not used, as in the published labels: no feature
    measures depth in its unit.
    """

    mr_price_deviation_threshold: _Amount = 0.02
    mr_volume_multiplier: _Amount = 2.0
    mr_position_size: _Fraction = 0.05
    breakout_volatility_threshold: _Amount = 0.005
    breakout_volume_threshold: _Amount = 1.5
    breakout_price_momentum: _Amount = 0.01
    breakout_position_size: _Fraction = 0.08
    max_volatility_threshold: _Amount = 0.05
    min_volatility_threshold: _Amount = 0.001
    max_liquidity_impact: _Amount = 0.01
    min_liquidity_depth: _Amount = 1000.0
    max_position_size: _Fraction = 0.1
    min_position_size: _Fraction = 0.01
    max_slippage_bps: _Amount = 50.0
    default_deadline_s: _Amount = 300.0
    active_hours_start: _Hour = 8
    active_hours_end: _Hour = 20

    @classmethod
    def data_driven(cls) -> Self:
        """Thresholds fitted by their authors to the published ETH/USDC swaps."""
        return cls(
            mr_price_deviation_threshold=0.001,
            mr_volume_multiplier=1.5,
            breakout_volatility_threshold=0.0006,
            breakout_volume_threshold=1.3,
            breakout_price_momentum=0.0005,
            min_volatility_threshold=0.0001,
            max_liquidity_impact=10.0,
            min_liquidity_depth=100.0,
            active_hours_start=0,
            active_hours_end=23,
        )

    @classmethod
    def relaxed(cls) -> Self:
        """Thresholds between the strict defaults and the fitted ones."""
        return cls(
            mr_price_deviation_threshold=0.005,
            mr_volume_multiplier=1.2,
            breakout_volatility_threshold=0.001,
            breakout_volume_threshold=1.2,
            breakout_price_momentum=0.003,
            max_volatility_threshold=0.1,
            min_volatility_threshold=0.0001,
            max_liquidity_impact=0.05,
            min_liquidity_depth=100.0,
            active_hours_start=0,
            active_hours_end=23,
        )

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if self.min_volatility_threshold > self.max_volatility_threshold:
            raise ValueError("min_volatility_threshold is above max_volatility_threshold, so every swap is a HOLD")
        for name in ("max_position_size", "mr_position_size", "breakout_position_size"):
            if getattr(self, name) < self.min_position_size:
                raise ValueError(f"{name} is below min_position_size")
        return self


class _Thresholds(NamedTuple):
    """What decides which rule applies, in a form that a kernel can take."""

    mr_price_deviation_threshold: float
    mr_volume_multiplier: float
    breakout_volatility_threshold: float
    breakout_volume_threshold: float
    breakout_price_momentum: float
    max_volatility_threshold: float
    min_volatility_threshold: float
    max_liquidity_impact: float
    active_hours_start: int
    active_hours_end: int


def label(features: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """LABELS of FEATURES, row for row: time, side, size, slippage_bps, deadline_s, confidence, rule_triggered.

    The first rule that applies decides. Sizes are fractions, capped at `max_position_size`.
    """
    seen = features.select(
        pl.col("time").to_physical(),
        pl.col("price"),
        trailing_mean(pl.col("price"), 50, lag=1).alias("mean"),
        trailing_sum(pl.col("price_change"), 10, lag=1).alias("momentum"),
        pl.col("volume", "volume_ma", "volatility", "liquidity_impact"),
    )
    fired, confidence = np.empty(seen.height, dtype=np.uint8), np.empty(seen.height)
    thresholds = _Thresholds(**rules.model_dump(include=set(_Thresholds._fields)))
    _decide_all(thresholds, fired, confidence, *(_read_only(column) for column in seen))
    return pl.concat(
        [features.select("time"), _orders(rules)[fired], pl.DataFrame({"confidence": confidence})], how="horizontal"
    ).select("time", "side", "size", "slippage_bps", "deadline_s", "confidence", "rule_triggered")


def compile_kernels() -> None:
    """Compile the kernels of labels and of the windows below them, or load them from numba's cache on disk."""
    windows.compile_kernels()
    row = {name: [1.0] for name in ("price", "price_change", "volume", "volume_ma", "volatility", "liquidity_impact")}
    label(pl.DataFrame(row).select(pl.lit(0).cast(TIME).alias("time"), pl.all()), Rules())


def _orders(rules: Rules) -> pl.DataFrame:
    """What each rule orders, in the order in which they are tried; `_decide` tells their numbers."""
    patient = rules.max_slippage_bps, rules.default_deadline_s
    hasty = min(rules.max_slippage_bps, _BREAKOUT_SLIPPAGE_BPS), _BREAKOUT_DEADLINE_S
    revert = min(rules.mr_position_size, rules.max_position_size)
    follow = min(rules.breakout_position_size, rules.max_position_size)
    return pl.DataFrame(
        [
            ("MARKET_HOURS", "HOLD", 0.0, *patient),
            ("VOLATILITY_FILTER", "HOLD", 0.0, *patient),
            ("LIQUIDITY_FILTER", "HOLD", 0.0, *patient),
            ("MEAN_REVERSION_BUY", "BUY", revert, *patient),
            ("MEAN_REVERSION_SELL", "SELL", revert, *patient),
            ("BREAKOUT_BUY", "BUY", follow, *hasty),
            ("BREAKOUT_SELL", "SELL", follow, *hasty),
            ("NO_SIGNAL", "HOLD", 0.0, *patient),
        ],
        schema=["rule_triggered", "side", "size", "slippage_bps", "deadline_s"],
        orient="row",
    )


def _read_only(values: pl.Series) -> npt.NDArray[Any]:
    # One kind of array, so that numba compiles the kernel once.
    array: npt.NDArray[Any] = values.to_numpy()
    array.flags.writeable = False
    return array


@njit(cache=True, nogil=True, error_model="numpy")
def _decide_all(
    rules: _Thresholds,
    fired: npt.NDArray[np.uint8],
    confidence: Floats,
    time_ns: npt.NDArray[np.int64],
    price: Floats,
    mean: Floats,
    momentum: Floats,
    volume: Floats,
    volume_ma: Floats,
    volatility: Floats,
    impact: Floats,
) -> None:
    for i in range(fired.size):
        hour = time_ns[i] // _NS_PER_HOUR % 24
        deviation = (price[i] - mean[i]) / mean[i]
        # Where nothing was traded before there is no surge to speak of: 0 confirms nothing.
        surge = volume[i] / volume_ma[i] if volume_ma[i] > 0.0 else 0.0
        fired[i], confidence[i] = _decide(i, hour, deviation, momentum[i], surge, volatility[i], impact[i], rules)


@njit(cache=True, nogil=True)
def _decide(
    row: int,
    hour: int,
    deviation: float,
    momentum: float,
    surge: float,
    volatility: float,
    impact: float,
    rules: _Thresholds,
) -> tuple[int, float]:
    """Number of the first rule that applies, and the confidence in what it orders."""
    if not _is_active(hour, rules.active_hours_start, rules.active_hours_end):
        return 0, 0.5
    if volatility > rules.max_volatility_threshold or volatility < rules.min_volatility_threshold:
        return 1, 0.5
    if impact > rules.max_liquidity_impact:
        return 2, 0.5
    if row >= 20 and surge > rules.mr_volume_multiplier and abs(deviation) > rules.mr_price_deviation_threshold:
        return 3 if deviation < 0.0 else 4, min(0.8, abs(deviation) * 10.0 + surge * 0.1)
    is_wild = volatility > rules.breakout_volatility_threshold and surge > rules.breakout_volume_threshold
    if row >= 10 and is_wild and abs(momentum) > rules.breakout_price_momentum:
        return 5 if momentum > 0.0 else 6, min(0.9, abs(momentum) * 20.0 + volatility * 10.0)
    return 7, 0.5


@njit(cache=True, nogil=True)
def _is_active(hour: int, start: int, end: int) -> bool:
    return start <= hour <= end if start <= end else hour >= start or hour <= end

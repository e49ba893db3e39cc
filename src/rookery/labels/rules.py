"""What a trader by rule would do at every swap: buy what fell, sell what rose, follow what breaks out."""

from typing import Annotated, Self

import polars as pl
from pydantic import Field, model_validator

from rookery.config import Config
from rookery.features.windows import trailing_mean, trailing_sum

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


def label(features: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """LABELS of FEATURES, row for row: time, side, size, slippage_bps, deadline_s, confidence, rule_triggered.

    The first rule that applies decides. Sizes are fractions, capped at `max_position_size`.
    """
    fired = features.select(_signals()).select(_first_rule(rules).alias("rule"), _mean_reversion(), _breakout())
    orders = _orders(rules)[fired["rule"]]
    confidence = fired.select(
        pl.when(pl.col("rule").is_in([_MEAN_REVERSION_BUY, _MEAN_REVERSION_SELL]))
        .then("mean_reversion")
        .when(pl.col("rule").is_in([_BREAKOUT_BUY, _BREAKOUT_SELL]))
        .then("breakout")
        .otherwise(0.5)
        .alias("confidence")
    )
    labelled = pl.concat([features.select("time"), orders, confidence], how="horizontal")
    return labelled.select("time", "side", "size", "slippage_bps", "deadline_s", "confidence", "rule_triggered")


def _signals() -> list[pl.Expr]:
    volume, volume_ma = pl.col("volume"), pl.col("volume_ma")
    return [
        pl.int_range(pl.len()).alias("row"),
        (pl.col("time").to_physical() // _NS_PER_HOUR % 24).alias("hour"),
        (pl.col("price") / trailing_mean(pl.col("price"), 50, lag=1) - 1.0).alias("deviation"),
        trailing_sum(pl.col("price_change"), 10, lag=1).alias("momentum"),
        # Where nothing was traded before there is no surge to speak of: 0 confirms nothing.
        pl.when(volume_ma > 0).then(volume / volume_ma).otherwise(0.0).alias("surge"),
        pl.col("volatility", "liquidity_impact"),
    ]


def _first_rule(rules: Rules) -> pl.Expr:
    """Number of the first rule that applies, in the order of `_orders`."""
    volatility, deviation, momentum = pl.col("volatility"), pl.col("deviation"), pl.col("momentum")
    surge, row = pl.col("surge"), pl.col("row")
    is_heavy = (row >= 20) & (surge > rules.mr_volume_multiplier)
    is_wild = (
        (row >= 10) & (volatility > rules.breakout_volatility_threshold) & (surge > rules.breakout_volume_threshold)
    )
    cases = (
        ~_is_active(pl.col("hour"), rules),
        (volatility > rules.max_volatility_threshold) | (volatility < rules.min_volatility_threshold),
        pl.col("liquidity_impact") > rules.max_liquidity_impact,
        is_heavy & (deviation < -rules.mr_price_deviation_threshold),
        is_heavy & (deviation > rules.mr_price_deviation_threshold),
        is_wild & (momentum > rules.breakout_price_momentum),
        is_wild & (momentum < -rules.breakout_price_momentum),
    )
    number = pl.lit(len(cases), dtype=pl.UInt8)
    for rule in reversed(range(len(cases))):
        number = pl.when(cases[rule]).then(pl.lit(rule, dtype=pl.UInt8)).otherwise(number)
    return number


def _is_active(hour: pl.Expr, rules: Rules) -> pl.Expr:
    start, end = rules.active_hours_start, rules.active_hours_end
    since, until = hour >= start, hour <= end
    return since & until if start <= end else since | until


_MEAN_REVERSION_BUY, _MEAN_REVERSION_SELL, _BREAKOUT_BUY, _BREAKOUT_SELL = 3, 4, 5, 6


def _orders(rules: Rules) -> pl.DataFrame:
    """What each rule orders, in the order in which they are tried."""
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


def _mean_reversion() -> pl.Expr:
    confidence = pl.col("deviation").abs() * 10.0 + pl.col("surge") * 0.1
    return confidence.clip(upper_bound=0.8).alias("mean_reversion")


def _breakout() -> pl.Expr:
    confidence = pl.col("momentum").abs() * 20.0 + pl.col("volatility") * 10.0
    return confidence.clip(upper_bound=0.9).alias("breakout")

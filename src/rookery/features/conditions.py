"""The state of the market at every swap, from the rows up to and including it."""

from functools import cache

import polars as pl
import polars.selectors as cs

from rookery.features.liquidity import current_liquidity, liquidity_impact_avg
from rookery.features.microstructure import avg_tick_change, avg_time_diff
from rookery.features.price import avg_price, current_price, price_trend
from rookery.features.volatility import price_volatility
from rookery.features.volume import Traded, avg_volume, total_transactions, volume_trend

WINDOWS = (10, 50, 100)
_WINDOWED = (avg_price, price_volatility, avg_volume, avg_tick_change, avg_time_diff, liquidity_impact_avg)
CONDITION_FEATURES = (
    "avg_price_10",
    "price_volatility_10",
    "avg_volume_10",
    "avg_tick_change_10",
    "avg_time_diff_10",
    "liquidity_impact_avg_10",
    "avg_price_50",
    "price_volatility_50",
    "avg_volume_50",
    "avg_tick_change_50",
    "avg_time_diff_50",
    "liquidity_impact_avg_50",
    "avg_price_100",
    "price_volatility_100",
    "avg_volume_100",
    "avg_tick_change_100",
    "avg_time_diff_100",
    "liquidity_impact_avg_100",
    "total_transactions",
    "price_trend",
    "volume_trend",
    "current_price",
    "current_liquidity",
)


def conditions(features: pl.DataFrame) -> pl.DataFrame:
    """CONDITIONS of FEATURES, row for row: time and the 23 float64 columns of CONDITION_FEATURES, in that order.

    All reach back at most 100 rows but `total_transactions` and `volume_trend`, which count from the first row.
    """
    table = features.select(condition_expressions(Traded()))
    return table.unnest(cs.struct()).select("time", *CONDITION_FEATURES)


def condition_expressions(before: Traded) -> list[pl.Expr]:
    """What CONDITIONS are made of, over FEATURES, when `before` was traded ahead of the table.

    Features of several windows are structs with a field for each.
    """
    return [*_of_last_swaps(), total_transactions(before), volume_trend(before)]


@cache
def _of_last_swaps() -> tuple[pl.Expr, ...]:
    windowed = (feature(WINDOWS) for feature in _WINDOWED)
    return (pl.col("time"), *windowed, price_trend(), current_price(), current_liquidity())


def legacy_conditions(features: pl.DataFrame) -> pl.DataFrame:
    """The one row that the source of the published files spread over every sample: the state after the last swap.

    In raw price units, `time` last under the name `timestamp`. For comparison with published files only: given to
    any earlier row it tells the future.
    """
    raw = features.with_columns(pl.col("price_raw").alias("price"))
    return conditions(raw).tail(1).select(*CONDITION_FEATURES, pl.col("time").alias("timestamp"))

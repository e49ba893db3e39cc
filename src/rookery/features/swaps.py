"""The table of features that every swap is known by."""

from functools import cache

import polars as pl

from rookery.errors import UserError
from rookery.features.liquidity import liquidity, liquidity_impact
from rookery.features.microstructure import tick_change, time_diff
from rookery.features.price import price_change
from rookery.features.volatility import volatility
from rookery.features.volume import volume, volume_ma

CORE_FEATURES = ("price", "volatility", "volume", "volume_ma", "liquidity_impact", "price_change")
SWAP_COLUMNS = ("time", "price_raw", "price", "amount_base", "amount_quote", "liquidity", "tick")
# A row's features and conditions depend on this many rows before it and on none earlier, but for the two totals.
REACH = 100


def core_features(swaps: pl.DataFrame) -> pl.DataFrame:
    """FEATURES of SWAPS, row for row: time and 13 float64 columns, each from its own row and at most 100 before it.

    Raises UserError when a row has no liquidity or none at all is in range: its impact cannot be reckoned.
    """
    check_liquidity(swaps)
    # Lazy, because polars then computes once what several columns are made of.
    return swaps.lazy().select(feature_expressions()).collect()


@cache
def feature_expressions() -> tuple[pl.Expr, ...]:
    """The columns of FEATURES over those of SWAPS, in order."""
    return (
        pl.col("time", "price", "price_raw", "amount_base", "amount_quote"),
        volume(),
        volatility(),
        volume_ma(),
        tick_change(),
        time_diff(),
        liquidity_impact(),
        price_change(),
        pl.col("tick").cast(pl.Float64),
        liquidity(),
    )


def check_liquidity(swaps: pl.DataFrame) -> None:
    """Raise UserError telling how many swaps have no liquidity, or none above zero, and when the first was."""
    missing = swaps.filter(pl.col("liquidity").is_null())
    if missing.height:
        raise UserError(
            f"{missing.height:,} of {swaps.height:,} swaps have no liquidity, the first at {missing['time'][0]:%F %T}",
            remedy="export the pool's Swap events, which carry it: Dune's decoded tables, cryo, hypersync, Allium, "
            "web3 JSON or ROOK's raw CSV; The Graph's Swap entity leaves it out",
        )
    dry = swaps.filter(pl.col("liquidity") <= 0)
    if dry.height:
        raise UserError(
            f"{dry.height:,} of {swaps.height:,} swaps left no liquidity in range, the first at {dry['time'][0]:%F %T}",
            remedy="remove these swaps: the pool could not trade after them, and their impact cannot be reckoned",
        )

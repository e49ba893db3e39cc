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
    return swaps.select(feature_expressions())


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
    """Raise UserError naming the first row (header is line 1) whose liquidity is empty or not above zero."""
    empty = swaps["liquidity"].is_null()
    if empty.any():
        raise UserError(
            f"{empty.sum():,} of {swaps.height:,} swaps have no liquidity",
            row=empty.arg_true()[0] + 2,
            remedy="export the pool's Swap events, which carry it: Dune's decoded tables, cryo, hypersync, Allium, "
            "web3 JSON or ROOK's raw CSV; The Graph's Swap entity leaves it out",
        )
    dry = (swaps["liquidity"] <= 0).arg_true()
    if len(dry):
        raise UserError(
            f"{len(dry):,} of {swaps.height:,} swaps left no liquidity in range, so their impact cannot be reckoned",
            row=dry[0] + 2,
            remedy="remove these swaps: the pool could not trade after them",
        )

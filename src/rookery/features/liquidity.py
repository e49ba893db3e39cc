"""How deep a pool is, and how large a swap is beside it."""

from collections.abc import Sequence

import polars as pl

from rookery.features.volume import volume
from rookery.features.windows import trailing_means

# Liquidity is counted in units of 1e-18, as the source of the published features does for every pair.
_UNITS = 1e18


def liquidity() -> pl.Expr:
    """Liquidity in range after the swap, as the pool counts it, to the 53 bits of a float."""
    return pl.col("liquidity").cast(pl.Float64).alias("liquidity")


def liquidity_impact() -> pl.Expr:
    """Volume over liquidity / 1e18: a ratio of unlike units (0 to 1e4 in thin pools), not a fraction of the pool."""
    return (volume() * _UNITS / liquidity()).alias("liquidity_impact")


def liquidity_impact_avg(windows: Sequence[int]) -> pl.Expr:
    """Mean liquidity impact of the last swaps, by windows."""
    return trailing_means(pl.col("liquidity_impact"), windows, "liquidity_impact_avg")


def current_liquidity() -> pl.Expr:
    """Liquidity in range after this swap."""
    return pl.col("liquidity").alias("current_liquidity")

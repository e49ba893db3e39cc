"""How deep a pool is, and how large a swap is beside it."""

from collections.abc import Sequence

import numpy as np
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
    return pl.map_batches([volume(), liquidity()], _impacts, return_dtype=pl.Float64).alias("liquidity_impact")


def liquidity_impact_avg(windows: Sequence[int]) -> pl.Expr:
    """Mean liquidity impact of the last swaps, by windows."""
    return trailing_means(pl.col("liquidity_impact"), windows, "liquidity_impact_avg")


def current_liquidity() -> pl.Expr:
    """Liquidity in range after this swap."""
    return pl.col("liquidity").alias("current_liquidity")


def _impacts(columns: Sequence[pl.Series]) -> pl.Series:
    # In numpy: where liquidity stays the same, polars may divide through its reciprocal, which ends in other bits.
    volumes, depths = (column.to_numpy() for column in columns)
    with np.errstate(all="ignore"):
        return pl.Series(volumes * _UNITS / depths)

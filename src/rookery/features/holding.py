"""How a trader stands: what he holds, what it has brought him so far, and since when."""

import polars as pl
from numba import njit

from rookery.features.segments import Floats, Offsets, within_segments


def pnl_of_position() -> pl.Expr:
    """Unrealised profit over what the position cost: a fraction; 0 while nothing is held."""
    cost = pl.col("inventory").abs() * pl.col("entry_price")
    return pl.when(cost > 0).then(pl.col("unrealised_pnl") / cost).otherwise(0.0).alias("pnl_of_position")


def position_ratio() -> pl.Expr:
    """Size of the position over the largest so far in its segment: 0 to 1; 0 before there was any."""
    return within_segments(_ratio_to_largest, [pl.col("inventory")]).alias("position_ratio")


def time_since_entry() -> pl.Expr:
    """ln(1 + seconds) since the position was entered; 0 while nothing is held."""
    return pl.col("seconds_since_entry").fill_null(0.0).log1p().alias("time_since_entry")


def time_since_fill() -> pl.Expr:
    """ln(1 + seconds) since the trader's last fill in the segment; null before the first."""
    return pl.col("seconds_since_fill").log1p().alias("time_since_fill")


def time_to_end() -> pl.Expr:
    """ln(1 + seconds) until the market ends, which its rules announce beforehand."""
    return pl.col("seconds_to_end").log1p().alias("time_to_end")


def distance_from_half() -> pl.Expr:
    """How far a share of a market with two outcomes is from an even chance: 0 to 0.5."""
    return (pl.col("close") - 0.5).abs().alias("distance_from_half")


@njit(cache=True, nogil=True)
def _ratio_to_largest(offsets_S: Offsets, inventory: Floats, out: Floats) -> None:
    for s in range(offsets_S.size - 1):
        largest = 0.0
        for i in range(offsets_S[s], offsets_S[s + 1]):
            size = abs(inventory[i])
            largest = max(largest, size)
            out[i] = size / largest if largest > 0.0 else 0.0

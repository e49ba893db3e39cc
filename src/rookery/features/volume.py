"""How much is traded."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from rookery.features.windows import trailing_mean, trailing_means, trailing_to_running_mean


@dataclass(frozen=True, slots=True, kw_only=True)
class Traded:
    """How many swaps, and what volume in base, came before the first row of a table."""

    swaps: int = 0
    volume: float = 0.0


def volume() -> pl.Expr:
    """Base that changed hands, without sign, human units."""
    return pl.col("amount_base").abs().alias("volume")


def volume_ma(window: int = 100) -> pl.Expr:
    """Mean volume of the `window` swaps before this one; the first swap has only itself."""
    return trailing_mean(volume(), window, lag=1).alias("volume_ma")


def avg_volume(windows: Sequence[int]) -> pl.Expr:
    """Mean volume of the last swaps, by windows."""
    return trailing_means(pl.col("volume"), windows, "avg_volume")


def total_transactions(before: Traded) -> pl.Expr:
    """How many swaps there have been, this one included."""
    return (pl.col("volume").cum_count() + before.swaps).cast(pl.Float64).alias("total_transactions")


def volume_trend(before: Traded, window: int = 20) -> pl.Expr:
    """Mean volume of the last `window` swaps over the mean of all so far; 1 while nothing has been traded.

    The one feature without a bound to its memory: it depends on where the record starts.
    """
    ratio = trailing_to_running_mean(pl.col("volume"), window, rows=before.swaps, total=before.volume)
    return ratio.alias("volume_trend")

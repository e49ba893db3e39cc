"""How swaps follow on one another: ticks crossed and seconds passed."""

import polars as pl

from rookery.features.changes import difference, seconds_since
from rookery.features.windows import trailing_mean


def tick_change() -> pl.Expr:
    """Ticks since the swap before; 0 in the first row."""
    return difference(pl.col("tick")).alias("tick_change")


def time_diff() -> pl.Expr:
    """Seconds since the swap before; 0 in the first row."""
    return seconds_since(pl.col("time")).alias("time_diff")


def avg_tick_change(window: int) -> pl.Expr:
    """Mean tick change of the last `window` swaps."""
    return trailing_mean(pl.col("tick_change"), window).alias(f"avg_tick_change_{window}")


def avg_time_diff(window: int) -> pl.Expr:
    """Mean seconds between the last `window` swaps."""
    return trailing_mean(pl.col("time_diff"), window).alias(f"avg_time_diff_{window}")

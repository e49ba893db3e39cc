"""How swaps follow on one another: ticks crossed and seconds passed."""

from collections.abc import Sequence

import polars as pl

from rookery.features.changes import difference, seconds_since
from rookery.features.windows import trailing_means


def tick_change() -> pl.Expr:
    """Ticks since the swap before; 0 in the first row."""
    return difference(pl.col("tick")).alias("tick_change")


def time_diff() -> pl.Expr:
    """Seconds since the swap before; 0 in the first row."""
    return seconds_since(pl.col("time")).alias("time_diff")


def avg_tick_change(windows: Sequence[int]) -> pl.Expr:
    """Mean tick change of the last swaps, by windows."""
    return trailing_means(pl.col("tick_change"), windows, "avg_tick_change")


def avg_time_diff(windows: Sequence[int]) -> pl.Expr:
    """Mean seconds between the last swaps, by windows."""
    return trailing_means(pl.col("time_diff"), windows, "avg_time_diff")

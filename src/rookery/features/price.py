"""Where the price of a pool stands, and how it moved."""

from collections.abc import Sequence

import polars as pl

from rookery.features.changes import relative_change
from rookery.features.windows import trailing_mean, trailing_means


def price_change() -> pl.Expr:
    """Relative change of the price since the swap before; 0 in the first row."""
    return relative_change(pl.col("price")).alias("price_change")


def avg_price(windows: Sequence[int]) -> pl.Expr:
    """Mean price of the last swaps, quote per base, by windows."""
    return trailing_means(pl.col("price"), windows, "avg_price")


def price_trend(window: int = 20) -> pl.Expr:
    """Mean relative change of the price over the last `window` swaps."""
    return trailing_mean(pl.col("price_change"), window).alias("price_trend")


def current_price() -> pl.Expr:
    """Price after this swap, quote per base."""
    return pl.col("price").alias("current_price")

"""How much the price moves, whichever way."""

from collections.abc import Sequence

import polars as pl

from rookery.features.price import price_change
from rookery.features.windows import trailing_std, trailing_stds


def volatility(window: int = 100) -> pl.Expr:
    """Sample standard deviation of the relative changes among the `window` swaps before this one.

    `window` swaps have `window - 1` changes between them. This swap's own change is left out, and the first row's,
    which is none; with fewer than two changes the value is 0.
    """
    return trailing_std(price_change(), window - 1, lag=1, skip=1).alias("volatility")


def price_volatility(windows: Sequence[int]) -> pl.Expr:
    """Sample standard deviation of the price over the last swaps, quote per base, by windows; 0 in the first row."""
    return trailing_stds(pl.col("price"), windows, "price_volatility")

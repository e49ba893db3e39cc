"""How much the price moves, whichever way."""

import polars as pl

from rookery.features.price import price_change
from rookery.features.windows import trailing_std


def volatility(window: int = 100) -> pl.Expr:
    """Sample standard deviation of the relative changes among the `window` swaps before this one.

    `window` swaps have `window - 1` changes between them. This swap's own change is left out, and the first row's,
    which is none; with fewer than two changes the value is 0.
    """
    return trailing_std(price_change(), window - 1, lag=1, skip=1).alias("volatility")


def price_volatility(window: int) -> pl.Expr:
    """Sample standard deviation of the price over the last `window` swaps, quote per base; 0 in the first row."""
    return trailing_std(pl.col("price"), window).alias(f"price_volatility_{window}")

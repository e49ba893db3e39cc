"""How much the price moves, whichever way."""

import math
from collections.abc import Sequence

import numpy as np
import polars as pl
from numba import njit

from rookery.features.price import price_change
from rookery.features.segments import Floats, Offsets, at_least, within_segments
from rookery.features.windows import trailing_std, trailing_stds

_OHLC = (pl.col("open"), pl.col("high"), pl.col("low"), pl.col("close"))


def volatility(window: int = 100) -> pl.Expr:
    """Sample standard deviation of the relative changes among the `window` swaps before this one.

    `window` swaps have `window - 1` changes between them. This swap's own change is left out, and the first row's,
    which is none; with fewer than two changes the value is 0.
    """
    return trailing_std(price_change(), window - 1, lag=1, skip=1).alias("volatility")


def price_volatility(windows: Sequence[int]) -> pl.Expr:
    """Sample standard deviation of the price over the last swaps, quote per base, by windows; 0 in the first row."""
    return trailing_stds(pl.col("price"), windows, "price_volatility")


def yang_zhang(window: int = 10) -> pl.Expr:
    """Yang and Zhang's (2000) volatility of one bar, over the last `window` bars of a segment; never annualised.

    sqrt(Vo + k Vc + (1 - k) Vrs), k = 0.34 / (1.34 + (n + 1) / (n - 1)), with o = ln(O / previous C), c = ln(C / O),
    u = ln(H / O), d = ln(L / O); Vo and Vc sample variances of o and c, Vrs the mean of u (u - c) + d (d - c). Needs
    the close before the first of the bars, so it is null for the first `window` bars.
    """
    return within_segments(_yang_zhang, _OHLC, at_least(window, 2, "window")).alias("yang_zhang")


def atr(window: int = 14) -> pl.Expr:
    """Average true range (Wilder 1978) in units of price, null for the first `window` bars of a segment.

    True range is max(high, previous close) - min(low, previous close); the first value is its plain mean.
    """
    return within_segments(_atr, _OHLC[1:], at_least(window, 1, "window")).alias("atr")


@njit(cache=True, nogil=True, error_model="numpy")
def _yang_zhang(
    offsets_S: Offsets, opens: Floats, high: Floats, low: Floats, close: Floats, window: int, out: Floats
) -> None:
    gap, move, extent = np.empty_like(out), np.empty_like(out), np.empty_like(out)
    for i in range(out.size):
        gap[i] = math.log(opens[i] / close[i - 1]) if i else math.nan
        move[i] = math.log(close[i] / opens[i])
        up, down = math.log(high[i] / opens[i]), math.log(low[i] / opens[i])
        extent[i] = up * (up - move[i]) + down * (down - move[i])
    k = 0.34 / (1.34 + (window + 1.0) / (window - 1.0))
    for s in range(offsets_S.size - 1):
        for i in range(offsets_S[s], offsets_S[s + 1]):
            first = i + 1 - window
            if first <= offsets_S[s]:
                out[i] = math.nan
                continue
            mean_extent = 0.0
            for j in range(first, i + 1):
                mean_extent += extent[j] / window
            within = k * _variance(move, first, i + 1) + (1.0 - k) * mean_extent
            out[i] = math.sqrt(_variance(gap, first, i + 1) + max(within, 0.0))


@njit(cache=True, nogil=True)
def _variance(values: Floats, first: int, stop: int) -> float:
    mean, squares = 0.0, 0.0
    for i in range(first, stop):
        mean += values[i] / (stop - first)
    for i in range(first, stop):
        squares += (values[i] - mean) ** 2
    return squares / (stop - first - 1)


@njit(cache=True, nogil=True)
def _atr(offsets_S: Offsets, high: Floats, low: Floats, close: Floats, window: int, out: Floats) -> None:
    for s in range(offsets_S.size - 1):
        average = 0.0
        for i in range(offsets_S[s], offsets_S[s + 1]):
            age = i - offsets_S[s]
            out[i] = math.nan
            if age:
                true_range = max(high[i], close[i - 1]) - min(low[i], close[i - 1])
                average += true_range / window if age <= window else (true_range - average) / window
            if age >= window:
                out[i] = average

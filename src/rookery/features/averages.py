"""Where the price has been lately: simple, exponential and Wilder's moving averages within segments."""

import math

import polars as pl
from numba import njit

from rookery.features.segments import CLOSE, Floats, Offsets, at_least, within_segments


def sma(window: int, values: pl.Expr = CLOSE) -> pl.Expr:
    """Mean of the last `window` rows; null until there are so many in the segment."""
    return within_segments(_sma, [values], at_least(window, 1, "window")).alias(f"sma_{window}")


def ema(window: int, values: pl.Expr = CLOSE) -> pl.Expr:
    """Exponential moving average with weight 2 / (window + 1) on the newest row, null for the first `window - 1` rows.

    Its first value is the mean of the first `window` rows, as in TA-Lib.
    """
    return within_segments(_ema, [values], at_least(window, 1, "window")).alias(f"ema_{window}")


@njit(cache=True, nogil=True)
def mean_of(values: Floats, first: int, stop: int) -> float:
    """Mean of values[first:stop], added up afresh: a running sum would carry rounding from row to row."""
    total = 0.0
    for i in range(first, stop):
        total += values[i]
    return total / (stop - first)


@njit(cache=True, nogil=True)
def average_from(values: Floats, first: int, stop: int, seeded_at: int, window: int, out: Floats) -> None:
    """Exponential average of values[first:stop] into `out`, seeded at row `seeded_at` by the `window` rows to it."""
    weight = 2.0 / (window + 1.0)
    for i in range(first, min(seeded_at, stop)):
        out[i] = math.nan
    if seeded_at >= stop:
        return
    average = mean_of(values, seeded_at + 1 - window, seeded_at + 1)
    out[seeded_at] = average
    for i in range(seeded_at + 1, stop):
        average += weight * (values[i] - average)
        out[i] = average


@njit(cache=True, nogil=True)
def _sma(offsets_S: Offsets, values: Floats, window: int, out: Floats) -> None:
    for s in range(offsets_S.size - 1):
        first, stop = offsets_S[s], offsets_S[s + 1]
        for i in range(first, stop):
            out[i] = mean_of(values, i + 1 - window, i + 1) if i + 1 - window >= first else math.nan


@njit(cache=True, nogil=True)
def _ema(offsets_S: Offsets, values: Floats, window: int, out: Floats) -> None:
    for s in range(offsets_S.size - 1):
        first, stop = offsets_S[s], offsets_S[s + 1]
        average_from(values, first, stop, first + window - 1, window, out)

"""How wide the price swings around its mean."""

import math

import polars as pl
from numba import njit

from rookery.features.averages import mean_of, sma
from rookery.features.segments import CLOSE, Floats, Offsets, at_least, within_segments


def moving_deviation(window: int, values: pl.Expr = CLOSE) -> pl.Expr:
    """Population standard deviation (ddof 0) of the last `window` rows; null until there are so many."""
    return within_segments(_deviation, [values], at_least(window, 2, "window")).alias(f"deviation_{window}")


def upper_band(window: int = 20, deviations: float = 2.0, close: pl.Expr = CLOSE) -> pl.Expr:
    """Upper Bollinger band: mean plus `deviations` population standard deviations (Bollinger 2001)."""
    return (sma(window, close) + deviations * moving_deviation(window, close)).alias("upper_band")


def lower_band(window: int = 20, deviations: float = 2.0, close: pl.Expr = CLOSE) -> pl.Expr:
    """Lower Bollinger band: mean less `deviations` population standard deviations."""
    return (sma(window, close) - deviations * moving_deviation(window, close)).alias("lower_band")


def bollinger_width(window: int = 20, deviations: float = 2.0, close: pl.Expr = CLOSE) -> pl.Expr:
    """Distance between the bands over the mean: relative, so that dear and cheap prices compare."""
    width = 2.0 * deviations * moving_deviation(window, close) / sma(window, close)
    return width.alias("bollinger_width")


def z_score(values: pl.Expr, window: int = 20) -> pl.Expr:
    """How many deviations a value lies above the mean of the last `window` rows, its own included.

    Null where they are all equal: there is no deviation to measure by.
    """
    return within_segments(_z_score, [values], at_least(window, 2, "window"))


@njit(cache=True, nogil=True)
def _spread(values: Floats, first: int, stop: int, mean: float) -> float:
    # Squares about the mean, not mean of squares less square of mean: the difference of large numbers has no digits.
    total = 0.0
    for i in range(first, stop):
        total += (values[i] - mean) ** 2
    return math.sqrt(total / (stop - first))


@njit(cache=True, nogil=True)
def _deviation(offsets_S: Offsets, values: Floats, window: int, out: Floats) -> None:
    for s in range(offsets_S.size - 1):
        for i in range(offsets_S[s], offsets_S[s + 1]):
            first = i + 1 - window
            if first < offsets_S[s]:
                out[i] = math.nan
            else:
                out[i] = _spread(values, first, i + 1, mean_of(values, first, i + 1))


@njit(cache=True, nogil=True)
def _z_score(offsets_S: Offsets, values: Floats, window: int, out: Floats) -> None:
    for s in range(offsets_S.size - 1):
        for i in range(offsets_S[s], offsets_S[s + 1]):
            first = i + 1 - window
            out[i] = math.nan
            if first >= offsets_S[s]:
                mean = mean_of(values, first, i + 1)
                spread = _spread(values, first, i + 1, mean)
                # A constant's mean may be off by rounding; what is left over is no deviation.
                if spread > 1e-12 * abs(mean):
                    out[i] = (values[i] - mean) / spread

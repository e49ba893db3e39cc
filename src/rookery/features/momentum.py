"""How strongly the price is moving, and which way."""

import math

import numpy as np
import polars as pl
from numba import njit

from rookery.features.averages import average_from
from rookery.features.segments import CLOSE, Floats, Offsets, at_least, within_segments


def rsi(window: int = 14, close: pl.Expr = CLOSE) -> pl.Expr:
    """Relative strength index, 0 to 100 (Wilder 1978): 100 G / (G + L), G and L the smoothed gains and losses.

    The first value, at row `window` of a segment, is seeded by plain means. 50 where nothing has moved at all, where
    TA-Lib says 0.
    """
    return within_segments(_rsi, [close], at_least(window, 1, "window")).alias("rsi")


def macd(fast: int = 12, slow: int = 26, close: pl.Expr = CLOSE) -> pl.Expr:
    """Moving average convergence divergence (Appel 1979): fast less slow exponential average of the price.

    Both averages are seeded at row `slow - 1`, as in TA-Lib; null before it.
    """
    return within_segments(_macd, [close], *_periods(fast, slow, 1), False).alias("macd")


def macd_histogram(fast: int = 12, slow: int = 26, signal: int = 9, close: pl.Expr = CLOSE) -> pl.Expr:
    """MACD less its own exponential average over `signal` rows; null for the first `slow + signal - 2` rows."""
    return within_segments(_macd, [close], *_periods(fast, slow, signal), True).alias("macd_histogram")


def _periods(fast: int, slow: int, signal: int) -> tuple[int, int, int]:
    at_least(min(fast, signal), 1, "period")
    return fast, at_least(slow, fast + 1, "slow period"), signal


@njit(cache=True, nogil=True)
def _rsi(offsets_S: Offsets, close: Floats, window: int, out: Floats) -> None:
    for s in range(offsets_S.size - 1):
        gain, loss = 0.0, 0.0
        for i in range(offsets_S[s], offsets_S[s + 1]):
            age = i - offsets_S[s]
            change = close[i] - close[i - 1] if age else 0.0
            share = 1.0 / window
            keep = 1.0 if age <= window else 1.0 - share
            gain = gain * keep + share * max(change, 0.0)
            loss = loss * keep + share * max(-change, 0.0)
            out[i] = _strength(gain, loss) if age >= window else math.nan


@njit(cache=True, nogil=True)
def _strength(gain: float, loss: float) -> float:
    moved = gain + loss
    return 50.0 if moved == 0.0 else 100.0 * gain / moved


@njit(cache=True, nogil=True)
def _macd(
    offsets_S: Offsets, close: Floats, fast: int, slow: int, signal: int, is_histogram: bool, out: Floats
) -> None:
    quick, average = np.empty_like(out), np.empty_like(out)
    for s in range(offsets_S.size - 1):
        first, stop = offsets_S[s], offsets_S[s + 1]
        begin = first + slow - 1
        average_from(close, first, stop, begin, fast, quick)
        average_from(close, first, stop, begin, slow, out)
        for i in range(first, stop):
            out[i] = quick[i] - out[i]
        if is_histogram:
            average_from(out, first, stop, begin + signal - 1, signal, average)
            for i in range(first, stop):
                out[i] -= average[i]

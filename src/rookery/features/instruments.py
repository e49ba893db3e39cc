"""Fifteen numbers that describe one instrument's recent bars, none of which knows a later one."""

# T bars, M instruments, F features, L lags

import math

import numpy as np
import numpy.typing as npt
from numba import njit

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]

MARKET_FEATURES = (
    "last_return",
    "mean_5",
    "std_5",
    "mean_20",
    "std_20",
    "momentum_5",
    "momentum_10",
    "momentum_20",
    "std_5_over_20",
    "trend_10",
    "volume_to_mean",
    "range_position_20",
    "rsi",
    "macd",
    "band_position",
)
_VOLUME_WINDOW = 100
_RSI_WINDOW = 14
_FAST, _SLOW = 12, 26
_LARGEST = 10.0
_SMALLEST = 1e-12


def market_features(high_TM: Floats, low_TM: Floats, close_TM: Floats, volume_TM: Floats) -> Singles:
    """MARKET_FEATURES of every instrument (T, M, 15), each row from bars up to its own; ratios are clipped to +-10.

    last_return: simple return r of the close. mean_w, std_w: of the last w returns (population). momentum_w: close over
    the close w bars ago, less 1. std_5_over_20: the two deviations' ratio. trend_10: correlation of the last 10 closes
    with time. volume_to_mean: volume over the mean of the last 100 (1 without any). range_position_20: where the close
    lies in the last 20 bars' range, 0 to 1. rsi: Wilder's over 14, 0 to 1. macd: difference of the exponential means
    of 12 and 26 over the close. band_position: (close - mean of 20) over twice their deviation (Bollinger).
    Where fewer rows exist, those that exist count.
    """
    count, instruments = close_TM.shape
    features_TMF = np.zeros((count, instruments, len(MARKET_FEATURES)), np.float32)
    for m in range(instruments):
        high_T, low_T, close_T, volume_T = np.stack([values[:, m] for values in (high_TM, low_TM, close_TM, volume_TM)])
        # An array of its own: a column of many is of another kind than one of one, and compiled for a second time.
        features_TF = np.zeros((count, len(MARKET_FEATURES)), np.float32)
        _fill(high_T, low_T, close_T, volume_T, features_TF)
        features_TMF[:, m] = features_TF
    return features_TMF


def lagged_returns(close_TM: Floats, lags: int, *, window: int = 20) -> Singles:
    """The last `lags` log returns, newest first, each over the trailing deviation at its own time: (T, M, L), +-10."""
    count, instruments = close_TM.shape
    scaled_TM = np.zeros((count, instruments))
    for m in range(instruments):
        scaled_T = np.zeros(count)
        _scaled_returns(np.ascontiguousarray(close_TM[:, m]), window, scaled_T)
        scaled_TM[:, m] = scaled_T
    lagged_TML = np.zeros((count, instruments, lags), np.float32)
    for lag in range(min(lags, count)):
        lagged_TML[lag:, :, lag] = scaled_TM[: count - lag]
    return lagged_TML


@njit(cache=True, nogil=True, error_model="numpy")
def _scaled_returns(close_T: Floats, window: int, scaled_T: Floats) -> None:
    variance = 0.0
    for t in range(1, len(close_T)):
        gained = math.log(close_T[t] / close_T[t - 1])
        # A plain mean until there are `window` returns, so that the first ones do not decide for long.
        variance += (gained * gained - variance) / min(t, window)
        if variance > _SMALLEST:
            scaled_T[t] = min(max(gained / math.sqrt(variance), -_LARGEST), _LARGEST)


@njit(cache=True, nogil=True, error_model="numpy")
def _fill(high_T: Floats, low_T: Floats, close_T: Floats, volume_T: Floats, features_TF: Singles) -> None:
    returns_T = np.zeros(len(close_T))
    for t in range(1, len(close_T)):
        returns_T[t] = close_T[t] / close_T[t - 1] - 1.0
    gain, loss, fast, slow = 0.0, 0.0, close_T[0], close_T[0]
    for t in range(len(close_T)):
        row, close = features_TF[t], close_T[t]
        change = close - close_T[max(t - 1, 0)]
        share = 1.0 / min(max(t, 1), _RSI_WINDOW)
        gain += share * (max(change, 0.0) - gain)
        loss += share * (max(-change, 0.0) - loss)
        fast += (close - fast) * 2.0 / (_FAST + 1.0)
        slow += (close - slow) * 2.0 / (_SLOW + 1.0)
        mean_5, std_5 = _moments(returns_T, t, 5)
        mean_20, std_20 = _moments(returns_T, t, 20)
        level, spread = _moments(close_T, t, 20)
        row[0], row[1], row[2], row[3], row[4] = returns_T[t], mean_5, std_5, mean_20, std_20
        row[5] = _bounded(close / close_T[max(t - 5, 0)] - 1.0)
        row[6] = _bounded(close / close_T[max(t - 10, 0)] - 1.0)
        row[7] = _bounded(close / close_T[max(t - 20, 0)] - 1.0)
        row[8] = _bounded(_ratio(std_5, std_20, 1.0))
        row[9] = _trend(close_T, t, 10)
        row[10] = _bounded(_ratio(volume_T[t], _moments(volume_T, t, _VOLUME_WINDOW)[0], 1.0))
        row[11] = _range_position(high_T, low_T, close_T, t, 20)
        row[12] = _ratio(gain, gain + loss, 0.5)
        row[13] = _bounded((fast - slow) / close)
        row[14] = _bounded(_ratio(close - level, 2.0 * spread, 0.0))


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _moments(values_T: Floats, t: int, window: int) -> tuple[float, float]:
    """Mean and population deviation of the `window` values up to row t; deviations below rounding are 0."""
    first = max(0, t - window + 1)
    mean = 0.0
    for s in range(first, t + 1):
        mean += values_T[s]
    mean /= t + 1 - first
    squares = 0.0
    for s in range(first, t + 1):
        squares += (values_T[s] - mean) ** 2
    deviation = math.sqrt(squares / (t + 1 - first))
    return mean, deviation if deviation > 1e-12 * abs(mean) else 0.0


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _trend(close_T: Floats, t: int, window: int) -> float:
    first = max(0, t - window + 1)
    middle, (level, spread) = 0.5 * (first + t), _moments(close_T, t, window)
    if spread == 0.0:
        return 0.0
    product, squares = 0.0, 0.0
    for s in range(first, t + 1):
        product += (s - middle) * (close_T[s] - level)
        squares += (s - middle) ** 2
    return float(min(max(product / (math.sqrt(squares * (t + 1 - first)) * spread), -1.0), 1.0))


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _range_position(high_T: Floats, low_T: Floats, close_T: Floats, t: int, window: int) -> float:
    lowest, highest = low_T[t], high_T[t]
    for s in range(max(0, t - window + 1), t):
        lowest, highest = min(lowest, low_T[s]), max(highest, high_T[s])
    return _ratio(close_T[t] - lowest, highest - lowest, 0.5)


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _ratio(above: float, below: float, otherwise: float) -> float:
    return above / below if below > 0.0 else otherwise


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _bounded(value: float) -> float:
    return min(max(value, -_LARGEST), _LARGEST)

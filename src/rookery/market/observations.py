"""What an agent sees of the bars when it is given no features of its own: four numbers per instrument and bar."""

# T bars, M instruments, F features

import math

import numpy as np
import numpy.typing as npt
from numba import njit

from rookery.market.bars import CLOSE, HIGH, LOW, Bars, Floats

FEATURES = ("return", "range", "close_in_range", "trend")
_LARGEST = 10.0
_SMALLEST_VOLATILITY = 1e-6


def bar_features(bars: Bars, *, window: int = 20) -> npt.NDArray[np.float32]:
    """FEATURES of every instrument (T, 4 M), each row from bars up to its own; clipped to +-10.

    return: log return of the close; range: log(high / low); trend: log(close / close `window` bars ago) / sqrt(window);
    all three over the volatility of log returns, exponentially weighted with a mean age of `window` bars.
    close_in_range: where the close lies between low (-1) and high (1).
    """
    if window < 1:
        raise ValueError(f"window is {window}; expected 1 or more")
    quotes_TMQ = bars.quotes()
    count, instruments = bars.shape
    features_TF = np.zeros((count, instruments * len(FEATURES)), np.float32)
    for m in range(instruments):
        columns = features_TF[:, m * len(FEATURES) : (m + 1) * len(FEATURES)]
        _fill(quotes_TMQ, m, window, columns)
    return features_TF


@njit(cache=True, nogil=True, error_model="numpy")
def _fill(quotes_TMQ: Floats, m: int, window: int, features_TF: npt.NDArray[np.float32]) -> None:
    variance = 0.0
    for t in range(len(quotes_TMQ)):
        high, low, close = quotes_TMQ[t, m, HIGH], quotes_TMQ[t, m, LOW], quotes_TMQ[t, m, CLOSE]
        gained = math.log(close / quotes_TMQ[t - 1, m, CLOSE]) if t > 0 else 0.0
        # A plain mean until there are `window` returns, so that the first ones do not decide for long.
        variance += (gained * gained - variance) / min(max(t, 1), window)
        scale = 1.0 / max(math.sqrt(variance), _SMALLEST_VOLATILITY)
        span = high - low
        first = max(t - window, 0)
        row = features_TF[t]
        row[0] = gained * scale
        row[1] = math.log(high / low) * scale
        row[2] = 2.0 * (close - low) / span - 1.0 if span > 0.0 else 0.0
        row[3] = math.log(close / quotes_TMQ[first, m, CLOSE]) * scale / math.sqrt(max(t - first, 1))
        for f in range(4):
            row[f] = min(max(row[f], -_LARGEST), _LARGEST)

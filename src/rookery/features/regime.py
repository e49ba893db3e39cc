"""Which kind of market the last returns came from: bull, bear, neutral or volatile."""

# T rows

from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Regime = Literal["bull", "bear", "neutral", "volatile"]
REGIMES: tuple[Regime, ...] = get_args(Regime)
BULL, BEAR, NEUTRAL, VOLATILE = range(4)
_WILD = 0.03
_DRIFT = 0.005


def market_regime(returns_T: Floats, *, window: int = 30) -> npt.NDArray[np.int8]:
    """The index in REGIMES of every row, from the last `window` returns up to its own (those that exist, at the start).

    Population deviation above 0.03: volatile; else mean above 0.005: bull; below -0.005: bear; else neutral. The bounds
    are meant for returns of a day. Raises ValueError for a window below 1.
    """
    if window < 1:
        raise ValueError(f"window is {window}; expected 1 or more")
    regimes_T = np.full(len(returns_T), NEUTRAL, np.int8)
    if not len(returns_T):
        return regimes_T
    # Rows that do not exist are nan, and each window is reckoned by itself: no row depends on more than its window.
    padded = np.concatenate((np.full(window - 1, np.nan), returns_T))
    windows_TW = np.lib.stride_tricks.sliding_window_view(padded, window)
    mean_T, std_T = np.nanmean(windows_TW, axis=1), np.nanstd(windows_TW, axis=1)
    regimes_T[mean_T > _DRIFT] = BULL
    regimes_T[mean_T < -_DRIFT] = BEAR
    regimes_T[std_T > _WILD] = VOLATILE
    return regimes_T

"""The moving-average cross: long while a fast mean of closes lies above a slow one."""

# T bars, P pairs

import numpy as np
import numpy.typing as npt
from numba import njit

Floats = npt.NDArray[np.float64]
Signs = npt.NDArray[np.int8]
# Means that differ by less are equal: running sums carry rounding errors.
_SLACK = 1e-9


def moving_average_sides(close_T: Floats, fast_P: npt.ArrayLike, slow_P: npt.ArrayLike, *, short: bool = True) -> Signs:
    """Sides (P, T), each decided at its close: 1 with the mean of the last `fast` closes above that of the last `slow`,
    -1 (without `short`: 0) below it, 0 where they are equal or fewer than `slow` closes are known.

    Raises ValueError when windows are below 1 or longer than the series, or lengths differ.
    """
    windows_P2 = np.stack(np.broadcast_arrays(np.atleast_1d(fast_P), np.atleast_1d(slow_P)), axis=1).astype(np.int64)
    if windows_P2.size and not 1 <= windows_P2.min() <= windows_P2.max() <= len(close_T):
        raise ValueError(f"windows must lie between 1 and {len(close_T)}, the number of closes")
    sides_PT = np.zeros((len(windows_P2), len(close_T)), np.int8)
    _sides(np.ascontiguousarray(close_T, np.float64), windows_P2, -1 if short else 0, sides_PT)
    return sides_PT


@njit(cache=True, nogil=True, error_model="numpy")
def _sides(close_T: Floats, windows_P2: npt.NDArray[np.int64], below: int, sides_PT: Signs) -> None:
    total_T = np.empty(len(close_T) + 1)
    total_T[0] = 0.0
    for t in range(len(close_T)):
        total_T[t + 1] = total_T[t] + close_T[t]
    for p in range(len(windows_P2)):
        fast, slow = windows_P2[p]
        for t in range(max(fast, slow) - 1, len(close_T)):
            fast_sum = (total_T[t + 1] - total_T[t + 1 - fast]) * slow
            slow_sum = (total_T[t + 1] - total_T[t + 1 - slow]) * fast
            slack = _SLACK * abs(slow_sum)
            if fast_sum > slow_sum + slack:
                sides_PT[p, t] = 1
            elif fast_sum < slow_sum - slack:
                sides_PT[p, t] = below

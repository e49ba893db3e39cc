"""Returns out of equity, and how many of their periods make a year."""

import numpy as np
import numpy.typing as npt

from rookery.measures.measure import Floats, Measure, series

YEAR_S = 365 * 86_400
LEAST_DAYS = 30
LEAST_PERIODS = 30


def simple_returns(equity: npt.ArrayLike) -> Floats:
    """N - 1 simple returns of N equities, e[i] / e[i-1] - 1. After ruin (equity 0) there is nothing to lose: 0."""
    values = series(equity, "equity")
    if (values < 0).any():
        raise ValueError(f"equity {values.min()} is negative")
    before = values[:-1]
    return np.divide(values[1:], before, out=np.ones_like(before), where=before > 0) - 1.0


def periods_per_year(time_ns: npt.ArrayLike) -> Measure:
    """Mean number of periods in 365 days, from the N + 1 times (ns, rising) that bound N periods.

    Crypto trades through nights and weekends, so a year is 365 days; where a market closes, its gaps are in the times.
    Absent when there are fewer than 30 periods or the times span less than 30 days: a year is then a wild guess.
    """
    times = np.asarray(time_ns, dtype=np.int64)
    if times.ndim != 1 or (np.diff(times) <= 0).any():
        raise ValueError("times must rise strictly")
    periods = max(times.size - 1, 0)
    days = float(times[-1] - times[0]) / 86_400e9 if periods else 0.0
    if periods < LEAST_PERIODS:
        return Measure(value=None, reason=f"not annualised: {periods} periods, fewer than {LEAST_PERIODS}")
    if days < LEAST_DAYS:
        return Measure(value=None, reason=f"not annualised: {days:.1f} days, fewer than {LEAST_DAYS}")
    return Measure(value=periods * YEAR_S / (days * 86_400))

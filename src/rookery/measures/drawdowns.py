"""How deep and for how long equity lies below its highest so far."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rookery.measures.measure import ROUNDING, Floats, Formula, Measure, series

# N equities, K drawdowns


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawdown:
    """One stay below a peak, in row numbers of the equity: `end` is the first row back at the peak, or None.

    `depth` is a share of the peak. `periods` runs from peak to end, or to the last row while equity is still below.
    """

    depth: float
    start: int
    trough: int
    end: int | None
    periods: int


def drawdown_series(equity: npt.ArrayLike) -> Floats:
    """How far each of N equities lies below the highest so far, start included: 0 at a peak, 1 at ruin."""
    values = series(equity, "equity")
    if values.size and values[0] <= 0:
        raise ValueError("equity must start above 0")
    return 1.0 - values / np.maximum.accumulate(values)


def drawdowns(equity: npt.ArrayLike, *, most: int = 5) -> tuple[Drawdown, ...]:
    """The `most` deepest drawdowns of N equities, deepest first; of equally deep ones the earlier first."""
    depth_N = drawdown_series(equity)
    below = np.flatnonzero(np.diff(np.concatenate(([False], depth_N > ROUNDING, [False])).astype(np.int8)))
    first_K, stop_K = below[::2], below[1::2]
    if not first_K.size:
        return ()
    deepest_K = np.maximum.reduceat(depth_N, first_K)
    order = np.argsort(-deepest_K, kind="stable")[: max(most, 0)]
    return tuple(_drawdown(depth_N, int(first_K[k]), int(stop_K[k])) for k in order)


def longest_drawdown(equity: npt.ArrayLike) -> Measure:
    """Most periods between a peak and the return to it, or the last row while equity is still below it."""
    values = series(equity, "equity")
    if values.size < 2:
        return Measure(value=None, reason=f"needs 2 equities, there are {values.size}")
    return Measure(value=float(max((one.periods for one in drawdowns(values, most=values.size)), default=0)))


def _drawdown(depth_N: Floats, first: int, stop: int) -> Drawdown:
    trough = first + int(np.argmax(depth_N[first:stop]))
    end = stop if stop < depth_N.size else None
    start = first - 1
    periods = (depth_N.size - 1 if end is None else end) - start
    return Drawdown(depth=float(depth_N[trough]), start=start, trough=trough, end=end, periods=periods)


def _time_under_water(returns: Floats, periods: float) -> Floats:
    """Longest run from a peak to the return to it, on the last axis: the row less the last row at a peak."""
    equity = np.cumprod(1.0 + returns, axis=-1)
    peak = np.maximum(np.maximum.accumulate(equity, axis=-1), 1.0)
    under = 1.0 - equity / peak > ROUNDING
    rows = np.arange(1, returns.shape[-1] + 1)
    at_peak = np.maximum.accumulate(np.where(under, 0, rows), axis=-1)
    # Back at the peak in the next row counts as part of the stay; the last row has no next.
    back = np.concatenate((under[..., :-1] & ~under[..., 1:], np.zeros_like(under[..., :1])), axis=-1)
    longest = np.where(under, rows - at_peak + back, 0).max(axis=-1)
    return np.where(np.isfinite(equity[..., -1]), longest, np.nan)


drawdown_periods = Formula(
    name="drawdown_periods",
    title="Longest drawdown",
    meaning="Most periods from a peak of the equity to the return to it, or to the end while it is still below.",
    text="most periods between equity at its highest so far and the next such row",
    source="definition",
    rows=_time_under_water,
    undefined="the returns overflow",
)

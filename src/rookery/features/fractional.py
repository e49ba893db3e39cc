"""Prices made stationary without forgetting where they came from: differences of a fractional order."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
from numba import njit

from rookery.errors import UserError
from rookery.features.segments import CLOSE, Floats, Offsets, segment_offsets, within_segments

# R rows, W weights

GRID = tuple(step / 10 for step in range(11))
SIGNIFICANCE = 0.05
_LONGEST = 100_000
# Fewer rows leave Dickey and Fuller's test without any power to speak of.
_LEAST_ROWS = 20
_TILE = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class FractionalOrder:
    """An order of differencing and the ground for it.

    `p_values` are Dickey-Fuller p per order tried, None where no segment could be tested; `fitted_rows` are the rows
    [start, stop) that they were measured on. Both are empty when the order was given and not chosen.
    """

    order: float
    tau: float
    p_values: tuple[tuple[float, float | None], ...] = ()
    fitted_rows: tuple[int, int] | None = None

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def fractional_weights(order: float, tau: float) -> Floats:
    """Weights of (1 - L)^d, newest first: w0 = 1, wk = -w(k-1) (d - k + 1) / k, up to the first with |wk| < tau.

    Lopez de Prado (2018), section 5.5: the window is as wide as the weights are many, and the same for every row.
    """
    if not (0.0 <= order <= 2.0 and 0.0 < tau < 1.0):
        raise ValueError(f"order {order} must be within 0 to 2 and tau {tau} between 0 and 1")
    weights = [1.0]
    while len(weights) < _LONGEST:
        k = len(weights)
        weight = -weights[-1] * (order - k + 1) / k
        if abs(weight) < tau:
            return np.array(weights)
        weights.append(weight)
    raise ValueError(f"order {order} with tau {tau} needs over {_LONGEST:,} rows; give a larger tau")


def fractional_difference(order: float, tau: float = 1e-3, values: pl.Expr | None = None) -> pl.Expr:
    """Difference of fractional `order` of the logarithm of the close (or of `values`), over a window of fixed width.

    Null until the segment has as many rows as there are weights with |w| >= tau: 11, 55, 282 and 1,458 of them at
    order 0.4 for tau 1e-2, 1e-3, 1e-4 and 1e-5.
    """
    given = CLOSE.log() if values is None else values
    return within_segments(_difference, [given], fractional_weights(order, tau)).alias("fractional_difference")


def choose_order(
    bars: pl.DataFrame,
    rows: range,
    *,
    tau: float = 1e-3,
    grid: Sequence[float] = GRID,
    most_segments: int = 200,
    otherwise: float | None = None,
) -> FractionalOrder:
    """The smallest order of `grid` at which the log close of `rows` is stationary, and nothing else is looked at.

    Augmented Dickey-Fuller with a constant and one lag (by arch), p below 0.05. Over several segments p is the
    median of theirs, so most of them must be stationary; where there are more than `most_segments` that are long
    enough, as many are taken, evenly spread. Where none of the orders will do (segments may be too short to test
    any) the order `otherwise` is taken; without one UserError is raised.
    """
    if rows.step != 1 or not rows or rows.start < 0 or rows.stop > bars.height:
        raise ValueError(f"rows {rows.start} to {rows.stop} are not a part of {bars.height} rows")
    part = bars[rows.start : rows.stop]
    logs = part["close"].cast(pl.Float64).log().to_numpy()
    offsets_S = segment_offsets(part["segment"])
    fitted = (rows.start, rows.stop)
    tried: list[tuple[float, float | None]] = []
    for order in sorted(grid):
        weights_W = fractional_weights(order, tau)
        p = _median_p(logs, _spread(offsets_S, weights_W.size - 1 + _LEAST_ROWS, most_segments), weights_W)
        tried.append((order, p))
        if p is not None and p < SIGNIFICANCE:
            return FractionalOrder(order=order, tau=tau, p_values=tuple(tried), fitted_rows=fitted)
    if otherwise is not None:
        return FractionalOrder(order=otherwise, tau=tau, p_values=tuple(tried), fitted_rows=fitted)
    found = ", ".join(f"{order:g}: {'too short' if p is None else f'p {p:.3f}'}" for order, p in tried)
    raise UserError(
        f"no order of differencing makes the training rows stationary ({found})",
        place="fractional order",
        remedy="give the order yourself, a larger tau, or shorter bars, of which a segment has more",
    )


def _spread(offsets_S: Offsets, least: int, most: int) -> list[tuple[int, int]]:
    longest = [(a, b) for a, b in pairwise(offsets_S.tolist()) if b - a >= least]
    if len(longest) <= most:
        return longest
    return [longest[place] for place in np.linspace(0, len(longest) - 1, most).round().astype(int)]


def _median_p(logs: Floats, spans: Sequence[tuple[int, int]], weights_W: Floats) -> float | None:
    # Imported here: it takes a second to load, and only the fitting of an order needs it.
    from arch.unitroot import ADF

    found = []
    for first, stop in spans:
        values, result = np.ascontiguousarray(logs[first:stop]), np.empty(stop - first)
        _difference(np.array([0, values.size]), values, weights_W, result)
        tested = result[weights_W.size - 1 :]
        if np.isfinite(tested).all() and _tells_apart(tested):
            found.append(float(ADF(tested, lags=1, trend="c").pvalue))
    return float(np.median(found)) if found else None


def _tells_apart(values: Floats) -> bool:
    """Whether a test's regressors (a constant, the level, its last change) are three: of a price that hardly moved
    there is nothing to test."""
    regressors = np.column_stack((np.ones(values.size - 2), values[1:-1], np.diff(values[:-1])))
    scale = np.abs(regressors).max(axis=0)
    return bool(scale.min() > 0.0 and np.linalg.matrix_rank(regressors / scale) == regressors.shape[1])


@njit(cache=True, nogil=True)
def _difference(offsets_S: Offsets, values: Floats, weights_W: Floats, out: Floats) -> None:
    width = weights_W.size
    for s in range(offsets_S.size - 1):
        first, stop = offsets_S[s], offsets_S[s + 1]
        full = min(first + width - 1, stop)
        out[first:full] = math.nan
        for begin in range(full, stop, _TILE):
            end = min(begin + _TILE, stop)
            _weigh(values[begin - width + 1 : end], weights_W, out[begin:end])


@njit(cache=True, nogil=True)
def _weigh(values: Floats, weights_W: Floats, out: Floats) -> None:
    # Weight by weight over a tile that stays in the cache: every row adds its terms in the same order, newest first,
    # whatever tile it falls in, and the inner loop turns into vector instructions.
    width = weights_W.size
    out[:] = 0.0
    full = width - width % 4
    for k in range(0, full, 4):
        a, b, c, d = weights_W[k], weights_W[k + 1], weights_W[k + 2], weights_W[k + 3]
        w, x = values[width - 1 - k :], values[width - 2 - k :]
        y, z = values[width - 3 - k :], values[width - 4 - k :]
        for j in range(out.size):
            out[j] = (((out[j] + a * w[j]) + b * x[j]) + c * y[j]) + d * z[j]
    for k in range(full, width):
        weight, shifted = weights_W[k], values[width - 1 - k :]
        for j in range(out.size):
            out[j] += weight * shifted[j]

"""How well capital was spread over sleeves: specialists, strategies or assets."""

import numpy as np
import numpy.typing as npt

from rookery.measures.measure import Floats, Measure, measured

# N periods, A sleeves


def allocation_efficiency(
    weights: npt.ArrayLike, returns: npt.ArrayLike, *, least: float = 0.0, most: float = 1.0
) -> Measure:
    """How much of what perfect foresight adds to an equal split the weights (N, A) added: a skill score.

    (sum of w r - sum of equal r) / (sum of best r - sum of equal r) over the same sleeves' simple returns (N, A): 1 for
    perfect foresight, 0 for an equal split, below 0 for worse. Weights are those held during the period, chosen before
    it. Equal and best place the same total as w did in each period, so that being invested less is no skill; best puts
    at least `least` and at most `most` into each sleeve, which are the bounds that the allocator had. The form is that
    of a skill score (Murphy 1988) with an equal split as its reference. Raises ValueError when shapes differ, a figure
    is not finite, or weights break the bounds.
    """
    weights_NA, returns_NA = _table(weights, "weights"), _table(returns, "returns")
    if weights_NA.shape != returns_NA.shape:
        raise ValueError(f"weights are {weights_NA.shape} and returns {returns_NA.shape}")
    if not 0 <= least <= most:
        raise ValueError(f"bounds run from {least} to {most}")
    outside = np.argwhere((weights_NA < least - 1e-9) | (weights_NA > most + 1e-9))
    if outside.size:
        row, sleeve = outside[0]
        raise ValueError(f"weights[{row}, {sleeve}] is {weights_NA[row, sleeve]}, outside {least} to {most}")
    if not weights_NA.size:
        return Measure(value=None, reason="there are no periods")
    total_N = weights_NA.sum(axis=1)
    equal = float((total_N * returns_NA.mean(axis=1)).sum())
    gained = float((weights_NA * returns_NA).sum()) - equal
    best = float((_best(total_N, returns_NA, least, most)).sum()) - equal
    if best <= 1e-12 * float(np.abs(total_N[:, None] * returns_NA).sum()):
        return Measure(value=None, reason="no allocation within the bounds beats an equal split")
    return measured(gained / best, "no allocation within the bounds beats an equal split")


def _best(total_N: Floats, returns_NA: Floats, least: float, most: float) -> Floats:
    """Return per period of the weights that knew it: the best sleeves are filled first."""
    falling_NA = -np.sort(-returns_NA, axis=1)
    left_N = total_N - least * returns_NA.shape[1]
    room = most - least
    placed_NA = np.clip(left_N[:, None] - room * np.arange(returns_NA.shape[1]), 0.0, room)
    return np.asarray(((least + placed_NA) * falling_NA).sum(axis=1))


def _table(values: npt.ArrayLike, name: str) -> Floats:
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2:
        raise ValueError(f"{name} must be a table of periods by sleeves, not of {table.ndim} axes")
    if not np.isfinite(table).all():
        raise ValueError(f"{name} must be finite numbers")
    return table

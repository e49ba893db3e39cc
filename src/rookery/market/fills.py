"""What both ledgers make of a fill: the cost basis that leaves with what is sold."""

from numba import njit


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def cost_given(cost: float, part: float, whole: float) -> float:
    """Share of the cost of `whole` that goes with `part` of it, by average cost. `whole` is not 0."""
    return cost * (part / whole)

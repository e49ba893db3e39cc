"""What both ledgers make of a fill: the cost basis that leaves with what is sold."""

from rookery.market.compilation import inlined


@inlined
def cost_given(cost: float, part: float, whole: float) -> float:
    """Share of the cost of `whole` that goes with `part` of it, by average cost. `whole` is not 0."""
    return cost * (part / whole)

"""Whether a trader's edge is one that a twin can copy, as one sentence out of a closed list."""

from collections.abc import Mapping
from typing import Literal

from rookery.evaluation.identifiability.trader import TraderDescription
from rookery.evaluation.report.estimate import Estimate
from rookery.evaluation.report.wording import interval, number

Edge = Literal["spread", "direction", "both", "neither", "none", "loses", "too_little_data"]

EDGES: Mapping[Edge, str] = {
    "spread": "His edge is spread and queue, which a twin cannot copy: matched pairs earn, his direction does not.",
    "direction": "His edge is direction, which a twin can copy: one who holds the sign of his exposure earns too.",
    "both": "His edge is both direction, which a twin can copy, and matched pairs, which it cannot.",
    "neither": "He earns, but neither by matched pairs nor by direction as far as these markets tell.",
    "none": "He has shown no edge: what he earned in these markets may be chance.",
    "loses": "He has no edge to copy: these markets cost him money.",
    "too_little_data": "There are too few markets to say what his edge is.",
}


def edge_of(trader: TraderDescription) -> Edge:
    """The first rule that holds decides:

    1. his profit has no interval: too little data;
    2. its interval lies below 0: he loses; it holds 0: no edge;
    3. matched pairs earn (interval above 0), or one share with the sign of his exposure does, or both, or neither.
    """
    if trader.profit.low is None:
        return "too_little_data"
    if trader.profit.low <= 0:
        return "loses" if trader.profit.high is not None and trader.profit.high < 0 else "none"
    pairs, direction = _above_zero(trader.pairs), _above_zero(trader.copied)
    if pairs and direction:
        return "both"
    return "spread" if pairs else "direction" if direction else "neither"


def edge_sentence(trader: TraderDescription) -> str:
    """The sentence with the figures that it rests on."""
    trips = trader.trips
    by_trips = f", or {_money(trips.by_trips)} by round trips and {_money(trips.by_rest)} by the rest" if trips else ""
    figures = (
        f"A market brings him {_money(trader.profit)}, {_money(trader.pairs)} of it by matched pairs and "
        f"{_money(trader.leftovers)} by leftovers{by_trips}; one share with the sign of his exposure brings "
        f"{number(trader.copied.value, 'money', 3, 'USDC', signed=True)} ({_interval(trader.copied, 3)})."
    )
    return f"{EDGES[edge_of(trader)]} {figures}"


def _above_zero(one: Estimate) -> bool:
    return one.low is not None and one.low > 0


def _money(one: Estimate) -> str:
    return f"{number(one.value, 'money', 2, 'USDC', signed=True)} ({_interval(one, 2)})"


def _interval(one: Estimate, digits: int) -> str:
    return interval(one, "money", digits, signed=True)

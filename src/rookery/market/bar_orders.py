"""What passes between an agent and bars: what it sees at a close, what it orders, and what it is given."""

# M instruments, F features

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class BarOrder:
    """Buy (`quantity` above 0) or sell contracts of one instrument, by its column, in the bar that the order meets.

    It is refused when that bar's open (with fill="close" its close) is worse than the close at the decision by more
    than `max_slippage_bps`, or comes more than `deadline_s` after it, which takes bars with times.
    """

    quantity: float
    instrument: int = 0
    max_slippage_bps: float = math.inf
    deadline_s: float = math.inf
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BarFill:
    """A trade in bar `bar`. `cause` is order, stop, take or liquidation; `price` includes spread, slippage, impact and
    tick, `reference` does not; `fee` is money. `time_ns` is the bar's close, by which the fill is known.
    """

    bar: int
    time_ns: int | None
    instrument: int
    cause: str
    quantity: float
    price: float
    reference: float
    fee: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BarObservation:
    """All that an agent may know when bar `bar` has closed, at `time_ns` (None: bars without times).

    `close_M` are closes and `unit_M` what a contract is worth at them; `features_F` the features of this bar.
    `quantity_M` is held, `under_way_M` ordered and not met yet; `worth` is cash plus positions at the close.
    """

    bar: int
    time_ns: int | None
    close_M: Floats
    unit_M: Floats
    features_F: Floats
    quantity_M: Floats
    under_way_M: Floats
    cash: float
    worth: float


def rebalance(observation: BarObservation, weights_M: npt.ArrayLike, *, reason: str = "") -> Sequence[BarOrder]:
    """Orders that bring each instrument's value to `weights_M` x net worth; nan leaves an instrument as it is."""
    wanted_M = np.asarray(weights_M, np.float64) * max(observation.worth, 0.0) / observation.unit_M
    return hold(observation, wanted_M, reason=reason)


def hold(observation: BarObservation, contracts_M: npt.ArrayLike, *, reason: str = "") -> Sequence[BarOrder]:
    """Orders that bring each instrument to so many contracts, what is under way included; nan leaves it as it is."""
    change_M = np.asarray(contracts_M, np.float64) - (observation.quantity_M + observation.under_way_M)
    if change_M.shape != observation.unit_M.shape:
        raise ValueError(f"targets have shape {change_M.shape} for {len(observation.unit_M)} instruments")
    change_M = np.where(np.isnan(change_M), 0.0, change_M)
    return [BarOrder(quantity=float(change_M[m]), instrument=int(m), reason=reason) for m in np.flatnonzero(change_M)]

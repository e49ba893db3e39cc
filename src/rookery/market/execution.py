"""How orders reach the market: how long they are under way, and what becomes of what a bar's volume does not take."""

# T bars, M instruments

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from rookery.config import Config
from rookery.market.accounts import ORDER, Accounts
from rookery.market.compilation import inlined
from rookery.market.limits import volume_limit
from rookery.market.terms import Market

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Execution(Config):
    """Delay, unfilled rest and warm-up of a backtest over bars.

    An order decided at the close of bar t meets bar t + 1 + `latency_bars`; with `latency_ms` it meets the first later
    bar that opens at or after the decision plus that time. What the volume limit (`Instrument.max_volume_share`) leaves
    of an order is cancelled, or with `unfilled="carry"` offered again in each later bar, together with newer orders
    for the instrument, until it is filled or they outweigh it. What other limits cut is refused for good. Before
    `warmup_bars` bars have closed nothing is decided.
    """

    latency_bars: int = Field(default=0, ge=0)
    latency_ms: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    unfilled: Literal["cancel", "carry"] = "cancel"
    warmup_bars: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _one_latency(self) -> "Execution":
        if self.latency_bars and self.latency_ms:
            raise ValueError("latency is given in bars and in milliseconds: choose one")
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class BarTimes:
    """When each of T bars opens and closes, UTC in nanoseconds; a bar is known at its close.

    Raises ValueError when a bar does not close after it opens, or opens before the one before it has closed.
    """

    open_ns_T: Ints
    close_ns_T: Ints

    def __post_init__(self) -> None:
        if self.open_ns_T.shape != self.close_ns_T.shape or self.open_ns_T.ndim != 1:
            raise ValueError(f"open times have shape {self.open_ns_T.shape}, close times {self.close_ns_T.shape}")
        if not (np.issubdtype(self.open_ns_T.dtype, np.int64) and np.issubdtype(self.close_ns_T.dtype, np.int64)):
            raise ValueError(
                f"times are {self.open_ns_T.dtype} and {self.close_ns_T.dtype}; expected int64 nanoseconds"
            )
        for wrong_T, what in (
            (self.close_ns_T <= self.open_ns_T, "does not close after it opens"),
            (np.concatenate(([False], self.open_ns_T[1:] < self.close_ns_T[:-1])), "opens before the last one closed"),
        ):
            if wrong_T.any():
                raise ValueError(f"bar {int(wrong_T.argmax())} {what}")


def arrival_bars(execution: Execution, count: int, times: BarTimes | None) -> Ints:
    """The bar that an order decided at the close of each of `count` bars meets; `count` where none comes.

    Raises ValueError when the delay is in milliseconds and times are missing or of another length.
    """
    if times is not None and len(times.close_ns_T) != count:
        raise ValueError(f"times of {len(times.close_ns_T)} bars for {count} bars")
    if not execution.latency_ms:
        arrival_T = np.arange(1, count + 1, dtype=np.int64) + execution.latency_bars
        arrival_T[max(count - execution.latency_bars, 0) :] = count
        return arrival_T
    if times is None:
        raise ValueError("latency_ms needs the times at which bars open and close; give times, or latency_bars")
    ready_T = times.close_ns_T + np.int64(math.ceil(execution.latency_ms * 1e6))
    return np.maximum(np.searchsorted(times.open_ns_T, ready_T, side="left"), np.arange(1, count + 1)).astype(np.int64)


@inlined
def offer(
    accounts: Accounts, n: int, market: Market, t: int, m: int, due: float, rest_M: Floats, carries: bool
) -> None:
    """Send `due` contracts, with the rest of earlier orders, into bar `t`; what volume leaves becomes the new rest."""
    if not carries:
        accounts.position_NMC[n, m, ORDER] = due
        return
    wished, most = due + rest_M[m], volume_limit(market, t, m)
    offered = min(max(wished, -most), most)
    rest_M[m] = wished - offered
    accounts.position_NMC[n, m, ORDER] = offered

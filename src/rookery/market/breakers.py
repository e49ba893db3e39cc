"""Circuit breakers: what a day's loss and a drawdown forbid, watched at every close."""

# N accounts, T bars, M instruments

import math

import numpy as np
import numpy.typing as npt

from rookery.market.accounts import (
    BREAKER,
    CASH,
    DAY_START,
    EMERGENCY,
    LEVEL,
    PEAK,
    QUANTITY,
    WAIT,
    Accounts,
)
from rookery.market.bars import CLOSE
from rookery.market.compilation import inlined
from rookery.market.terms import CLOSES, CONTRACT, DAY, OPENS, Breakers, Market

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_MINUTE_NS = 60 * 10**9
_DAY_MINUTES = 1440.0


def bar_clock(count: int, breakers: Breakers, times_ns_2T: tuple[Ints, Ints] | None) -> Floats:
    """Day, and minutes of open and close, of every bar (T, 3): by when it opens and closes in UTC, or by `bar_minutes`.

    Raises ValueError when times are of another length.
    """
    if times_ns_2T is not None and len(times_ns_2T[0]) != count:
        raise ValueError(f"times of {len(times_ns_2T[0])} bars for {count} bars")
    clock_TC = np.empty((count, 3))
    if times_ns_2T is None:
        clock_TC[:, OPENS] = np.arange(count) * breakers.bar_minutes
        clock_TC[:, CLOSES] = clock_TC[:, OPENS] + breakers.bar_minutes
    else:
        clock_TC[:, OPENS], clock_TC[:, CLOSES] = (ns_T / _MINUTE_NS for ns_T in times_ns_2T)
    # A bar that closes at midnight belongs to the day that ends.
    clock_TC[:, DAY] = np.floor(clock_TC[:, OPENS] / _DAY_MINUTES)
    return clock_TC


@inlined
def is_halted(accounts: Accounts, n: int, market: Market, t: int) -> bool:
    """Whether account `n` may open nothing in bar `t`."""
    if not market.terms.breaks:
        return False
    return bool(market.clock_TC[t, CLOSES if market.terms.fill_at_close else OPENS] < accounts.money_NB[n, WAIT])


@inlined
def begin_day(accounts: Accounts, n: int, market: Market, t: int) -> None:
    """In the first bar of a day: its losses count from net worth at the last close, and its levels are new."""
    if market.clock_TC[t, DAY] == market.clock_TC[t - 1, DAY]:
        return
    worth = accounts.money_NB[n, CASH]
    for m in range(accounts.position_NMC.shape[1]):
        unit = market.instruments_MI[m, CONTRACT] * market.quotes_TMQ[t - 1, m, CLOSE]
        worth += accounts.position_NMC[n, m, QUANTITY] * unit
    accounts.money_NB[n, DAY_START] = worth
    accounts.money_NB[n, LEVEL] = 0.0


@inlined
def watch(accounts: Accounts, n: int, market: Market, t: int, worth: float) -> None:
    """Trip what net worth at the close of bar `t` calls for."""
    start, peak = accounts.money_NB[n, DAY_START], max(accounts.money_NB[n, PEAK], worth)
    accounts.money_NB[n, PEAK] = peak
    if accounts.money_NB[n, WAIT] == math.inf:
        return
    loss = 1.0 - worth / start if start > 0.0 else 1.0
    if loss >= market.terms.emergency_day or worth <= (1.0 - market.terms.emergency_drawdown) * peak:
        accounts.money_NB[n, WAIT] = math.inf
        accounts.counts_NK[n, EMERGENCY] += 1
        return
    level = 0
    for k in range(market.breakers_L2.shape[0]):
        if loss >= market.breakers_L2[k, 0]:
            level = k + 1
    if level > accounts.money_NB[n, LEVEL]:
        accounts.money_NB[n, LEVEL] = level
        until = market.clock_TC[t, CLOSES] + market.breakers_L2[level - 1, 1]
        accounts.money_NB[n, WAIT] = max(accounts.money_NB[n, WAIT], until)
        accounts.counts_NK[n, BREAKER] += 1

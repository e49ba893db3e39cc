"""What an account may hold: cuts orders to size so that nothing an agent sends breaks a limit."""

# N accounts, M instruments, T bars

import math

import numpy as np
import numpy.typing as npt
from numba import njit

from rookery.market.accounts import CASH, CLIPPED, HALTED, ORDER, QUANTITY, REFUSED, WAIT, Accounts
from rookery.market.bars import CLOSE, VOLUME
from rookery.market.breakers import is_halted
from rookery.market.compilation import inlined, managed
from rookery.market.enforcement import correlated_exposure, cut_sectors, split_order, trim
from rookery.market.terms import (
    BAND,
    CONTRACT,
    LINEAR,
    LOT,
    MAX_ORDER,
    MAX_POSITION,
    MAX_VOLUME_SHARE,
    ROOT,
    Market,
)

Floats = npt.NDArray[np.float64]
# A lot missed by rounding errors alone still counts.
_LOT_SLACK = 1e-9


def trailing_covariance(close_TM: Floats, window: int) -> Floats:
    """Covariance (T, M, M) of simple returns over the `window` returns up to and including each bar; ddof 1.

    Rows with fewer than `window` returns take all there are; below two the covariance is 0.
    """
    count, instruments = close_TM.shape
    returns_TM = np.zeros((count, instruments))
    returns_TM[1:] = close_TM[1:] / close_TM[:-1] - 1.0
    covariance_TMM = np.zeros((count, instruments, instruments))
    _trailing_covariance(returns_TM, window, covariance_TMM)
    return covariance_TMM


@njit(cache=True, nogil=True, error_model="numpy")
def _trailing_covariance(returns_TM: Floats, window: int, covariance_TMM: Floats) -> None:
    count, instruments = returns_TM.shape
    for t in range(2, count):
        first = max(1, t - window + 1)
        for i in range(instruments):
            for j in range(i + 1):
                mean_i, mean_j = returns_TM[first : t + 1, i].mean(), returns_TM[first : t + 1, j].mean()
                total = 0.0
                for s in range(first, t + 1):
                    total += (returns_TM[s, i] - mean_i) * (returns_TM[s, j] - mean_j)
                covariance_TMM[t, i, j] = covariance_TMM[t, j, i] = total / (t - first)


@inlined
def cut_orders(
    accounts: Accounts,
    n: int,
    market: Market,
    t: int,
    price: int,
) -> None:
    """Change the orders of account `n` to what may be traded at column `price` of bar `t`, and that worth.

    An order that is not a finite number is refused (nothing is traded). What reduces a position always passes but for
    the order size, unless its price lies outside the band; what raises exposure is cut first by its own instrument's
    limits, then by its sector's, then in one proportion for all instruments until leverage, risk and correlation fit.
    With `enforced` what is held is cut back as well (see `enforcement.trim`). While a breaker's cooldown lasts nothing
    is raised; after an emergency everything is closed. The worth that counts is that before the fill's own costs.
    """
    if market.terms.breaks and accounts.money_NB[n, WAIT] == math.inf:
        for m in range(accounts.position_NMC.shape[1]):
            accounts.position_NMC[n, m, ORDER] = -accounts.position_NMC[n, m, QUANTITY]
        return
    worth, clipped = accounts.money_NB[n, CASH], False
    for m in range(accounts.position_NMC.shape[1]):
        worth += (
            accounts.position_NMC[n, m, QUANTITY] * market.instruments_MI[m, CONTRACT] * market.quotes_TMQ[t, m, price]
        )
    _admit(accounts, n, market, t, price)
    for m in range(accounts.position_NMC.shape[1]):
        wished = accounts.position_NMC[n, m, ORDER]
        if wished != 0.0:
            held = accounts.position_NMC[n, m, QUANTITY]
            accounts.position_NMC[n, m, ORDER] = _own_limits(wished, held, market, t, m, price, worth)
            clipped |= accounts.position_NMC[n, m, ORDER] != wished
    if market.terms.enforced:
        trim(accounts, n, market, t, price, worth)
    if market.terms.max_sector < math.inf:
        clipped |= cut_sectors(accounts, n, market, t, price, worth)
    share = _portfolio_share(accounts, n, market, t, price, worth)
    for m in range(accounts.position_NMC.shape[1]):
        if share < 1.0:
            base, raised = split_order(accounts.position_NMC[n, m, QUANTITY], accounts.position_NMC[n, m, ORDER])
            accounts.position_NMC[n, m, ORDER] = base + share * raised
        lot = market.instruments_MI[m, LOT]
        if lot > 0.0:
            whole = accounts.position_NMC[n, m, ORDER] / lot
            accounts.position_NMC[n, m, ORDER] = np.trunc(whole + math.copysign(_LOT_SLACK, whole)) * lot
    if clipped or share < 1.0:
        accounts.counts_NK[n, CLIPPED] += 1


@inlined
def _admit(accounts: Accounts, n: int, market: Market, t: int, price: int) -> None:
    """Turn away orders that are no number, meet a price outside their band, or would open what a breaker forbids."""
    halted = is_halted(accounts, n, market, t)
    for m in range(accounts.position_NMC.shape[1]):
        wished, band = accounts.position_NMC[n, m, ORDER], market.instruments_MI[m, BAND]
        if wished == 0.0:
            continue
        moved = 0.0
        if band < math.inf:
            moved = abs(market.quotes_TMQ[t, m, price] / market.quotes_TMQ[max(t - 1, 0), m, CLOSE] - 1.0)
        if not math.isfinite(wished) or moved > band:
            accounts.counts_NK[n, REFUSED] += 1
            accounts.position_NMC[n, m, ORDER] = 0.0
        elif halted:
            base, raised = split_order(accounts.position_NMC[n, m, QUANTITY], wished)
            accounts.counts_NK[n, HALTED] += raised != 0.0
            accounts.position_NMC[n, m, ORDER] = base


@inlined
def volume_limit(market: Market, t: int, m: int) -> float:
    """The most contracts of instrument `m` that bar `t` lets an account trade in one order."""
    volume = market.quotes_TMQ[t, m, VOLUME]
    if volume == 0.0 and (market.instruments_MI[m, LINEAR] > 0.0 or market.instruments_MI[m, ROOT] > 0.0):
        return 0.0
    if market.instruments_MI[m, MAX_VOLUME_SHARE] == math.inf:
        return math.inf
    return float(market.instruments_MI[m, MAX_VOLUME_SHARE] * volume / market.instruments_MI[m, CONTRACT])


@inlined
def _own_limits(wished: float, held: float, market: Market, t: int, m: int, price: int, worth: float) -> float:
    """The order cut to order size, then to position size."""
    largest = min(float(market.instruments_MI[m, MAX_ORDER]), volume_limit(market, t, m))
    contract = market.instruments_MI[m, CONTRACT]
    order = min(max(wished, -largest), largest)
    most = min(
        float(market.instruments_MI[m, MAX_POSITION]),
        market.terms.max_share * max(worth, 0.0) / (contract * market.quotes_TMQ[t, m, price]),
    )
    target = held + order
    if target * held > 0.0:
        most = max(most, min(abs(held), abs(target)))
    if abs(target) > most:
        return math.copysign(most, target) - held
    return order


@inlined
def _portfolio_share(
    accounts: Accounts,
    n: int,
    market: Market,
    t: int,
    price: int,
    worth: float,
) -> float:
    """The largest share, 0 to 1, of all raising orders with which the account stays inside its limits."""
    kept, added = 0.0, 0.0
    for m in range(accounts.position_NMC.shape[1]):
        base, raised = split_order(accounts.position_NMC[n, m, QUANTITY], accounts.position_NMC[n, m, ORDER])
        unit = market.instruments_MI[m, CONTRACT] * market.quotes_TMQ[t, m, price]
        kept += abs(accounts.position_NMC[n, m, QUANTITY] + base) * unit
        added += abs(raised) * unit
    if added == 0.0:
        return 1.0
    if worth <= 0.0:
        return 0.0
    share = min(1.0, max(0.0, (market.terms.leverage * worth - kept) / added))
    if market.covariance_TMM.shape[1] == 0 or share == 0.0:
        return share
    return float(min(share, _covariance_share(accounts, n, market, t, price, worth)))


@managed
def _covariance_share(
    accounts: Accounts,
    n: int,
    market: Market,
    t: int,
    price: int,
    worth: float,
) -> float:
    exposure_2M, share = np.empty((2, market.quotes_TMQ.shape[1])), 1.0
    for m in range(market.quotes_TMQ.shape[1]):
        held = accounts.position_NMC[n, m, QUANTITY]
        base, raised = split_order(held, accounts.position_NMC[n, m, ORDER])
        unit = market.instruments_MI[m, CONTRACT] * market.quotes_TMQ[t, m, price] / worth
        exposure_2M[0, m] = (held + base) * unit
        exposure_2M[1, m] = raised * unit
    # The covariance of the bar before: this one's close is not known when its open trades.
    covariance_MM = market.covariance_TMM[max(t - 1, 0)]
    if market.terms.max_deviation < math.inf:
        share = min(share, _share_by_risk(exposure_2M, covariance_MM, market.terms.max_deviation))
    if market.terms.max_correlated < math.inf:
        share = min(share, _share_by_correlation(exposure_2M, covariance_MM, market.terms.max_correlated))
    return share


@inlined
def _share_by_risk(exposure_2M: Floats, covariance_MM: Floats, limit: float) -> float:
    """Largest f in [0, 1] with the variance of kept + f raised at most max(limit^2, variance of kept)."""
    squares, cross, kept = 0.0, 0.0, 0.0
    for i in range(len(covariance_MM)):
        for j in range(len(covariance_MM)):
            squares += exposure_2M[1, i] * covariance_MM[i, j] * exposure_2M[1, j]
            cross += exposure_2M[0, i] * covariance_MM[i, j] * exposure_2M[1, j]
            kept += exposure_2M[0, i] * covariance_MM[i, j] * exposure_2M[0, j]
    room = max(limit * limit - kept, 0.0)
    if squares <= 0.0 or squares + 2.0 * cross <= room:
        return 1.0
    return max(0.0, (-cross + math.sqrt(cross * cross + squares * room)) / squares)


@inlined
def _share_by_correlation(exposure_2M: Floats, covariance_MM: Floats, limit: float) -> float:
    """Largest f in [0, 1] with |correlated exposure| of kept + f raised at most max(limit, that of kept)."""
    share = 1.0
    for i in range(len(covariance_MM)):
        kept = correlated_exposure(exposure_2M, 0, covariance_MM, i)
        added = correlated_exposure(exposure_2M, 1, covariance_MM, i)
        most = max(limit, abs(kept))
        if abs(kept + share * added) > most:
            share = max(0.0, (most - math.copysign(kept, kept * added)) / abs(added))
    return share

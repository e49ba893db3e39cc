"""Limits over what is held and what is added together: sectors, and what prices alone have carried too far."""

# N accounts, M instruments, T bars

import math

import numpy as np
import numpy.typing as npt

from rookery.market.accounts import ORDER, QUANTITY, TRIMMED, Accounts
from rookery.market.compilation import inlined, managed
from rookery.market.terms import CONTRACT, MAX_POSITION, SECTOR, Market

Floats = npt.NDArray[np.float64]
# Cut exactly to a limit, a position must not count as beyond it by rounding, or it would be cut again in every bar.
_SLACK = 1.0 + 1e-9


@inlined
def split_order(held: float, order: float) -> tuple[float, float]:
    """An order as the part that reduces the position and the part that raises it, on the same or the other side."""
    if held * order >= 0.0:
        return 0.0, order
    if abs(order) <= abs(held):
        return order, 0.0
    return -held, order + held


@inlined
def cut_sectors(accounts: Accounts, n: int, market: Market, t: int, price: int, worth: float) -> bool:
    """Cut what raises a sector, in one proportion, until the sum of its exposures fits; whether anything was cut."""
    cut = False
    for m in range(accounts.position_NMC.shape[1]):
        sector = market.instruments_MI[m, SECTOR]
        kept, added, first = 0.0, 0.0, sector >= 0.0
        for j in range(accounts.position_NMC.shape[1]):
            if market.instruments_MI[j, SECTOR] != sector:
                continue
            first = first and j >= m
            unit = market.instruments_MI[j, CONTRACT] * market.quotes_TMQ[t, j, price]
            base, raised = split_order(accounts.position_NMC[n, j, QUANTITY], accounts.position_NMC[n, j, ORDER])
            kept += abs(accounts.position_NMC[n, j, QUANTITY] + base) * unit
            added += abs(raised) * unit
        # Each sector once, at its first instrument.
        if not first or added == 0.0 or kept + added <= market.terms.max_sector * worth:
            continue
        share, cut = max(0.0, (market.terms.max_sector * worth - kept) / added), True
        for j in range(m, accounts.position_NMC.shape[1]):
            if market.instruments_MI[j, SECTOR] == sector:
                base, raised = split_order(accounts.position_NMC[n, j, QUANTITY], accounts.position_NMC[n, j, ORDER])
                accounts.position_NMC[n, j, ORDER] = base + share * raised
    return cut


@managed
def trim(accounts: Accounts, n: int, market: Market, t: int, price: int, worth: float) -> None:
    """Turn the orders of account `n` into ones after which what is kept of its positions breaks no limit.

    Each position is cut to its own limits, then each sector to its, then all positions in one proportion until
    leverage, risk and correlated exposure fit: all three are in proportion to the positions. Where something had to be
    cut nothing is raised.
    """
    count = accounts.position_NMC.shape[1]
    exposure_2M, raised_M = np.zeros((2, count)), np.zeros(count)
    for m in range(count):
        held = accounts.position_NMC[n, m, QUANTITY]
        base, raised_M[m] = split_order(held, accounts.position_NMC[n, m, ORDER])
        exposure_2M[0, m] = (held + base) * _unit(market, t, m, price) / worth if worth > 0.0 else 0.0
        most = market.terms.max_share
        if market.instruments_MI[m, MAX_POSITION] < math.inf and worth > 0.0:
            most = min(most, market.instruments_MI[m, MAX_POSITION] * _unit(market, t, m, price) / worth)
        exposure_2M[1, m] = exposure_2M[0, m]
        if abs(exposure_2M[0, m]) > most * _SLACK:
            exposure_2M[1, m] = math.copysign(most, exposure_2M[0, m])
    if market.terms.max_sector < math.inf:
        _fit_sectors(exposure_2M, market)
    share = _whole_share(exposure_2M, market, t)
    trimmed = False
    for m in range(count):
        fitting = share * exposure_2M[1, m]
        if fitting != exposure_2M[0, m] or worth <= 0.0:
            trimmed = True
            kept = fitting / _unit(market, t, m, price) * worth if worth > 0.0 else 0.0
            accounts.position_NMC[n, m, ORDER] = kept - accounts.position_NMC[n, m, QUANTITY]
        elif share < 1.0:
            accounts.position_NMC[n, m, ORDER] -= raised_M[m]
    if trimmed:
        accounts.counts_NK[n, TRIMMED] += 1


@inlined
def _unit(market: Market, t: int, m: int, price: int) -> float:
    """What one contract is worth."""
    return float(market.instruments_MI[m, CONTRACT] * market.quotes_TMQ[t, m, price])


@inlined
def _fit_sectors(exposure_2M: Floats, market: Market) -> None:
    """Scale the second row's sectors to the limit, by the sums in it before."""
    count = exposure_2M.shape[1]
    for m in range(count):
        sector, gross, first = market.instruments_MI[m, SECTOR], 0.0, True
        for j in range(count):
            if market.instruments_MI[j, SECTOR] == sector:
                first = first and j >= m
                gross += abs(exposure_2M[1, j])
        if first and sector >= 0.0 and gross > market.terms.max_sector * _SLACK:
            for j in range(m, count):
                if market.instruments_MI[j, SECTOR] == sector:
                    exposure_2M[1, j] *= market.terms.max_sector / gross


@inlined
def _whole_share(exposure_2M: Floats, market: Market, t: int) -> float:
    """The share of the second row's exposures that fits leverage, risk and correlation."""
    terms, gross, share = market.terms, 0.0, 1.0
    for m in range(exposure_2M.shape[1]):
        gross += abs(exposure_2M[1, m])
    if gross > terms.leverage * _SLACK:
        share = terms.leverage / gross
    if market.covariance_TMM.shape[1] == 0:
        return share
    # The covariance of the bar before: this one's close is not known when its open trades.
    now = max(t - 1, 0)
    variance = 0.0
    for i in range(exposure_2M.shape[1]):
        for j in range(exposure_2M.shape[1]):
            variance += exposure_2M[1, i] * market.covariance_TMM[now, i, j] * exposure_2M[1, j]
    if variance > (terms.max_deviation * _SLACK) ** 2:
        share = min(share, terms.max_deviation / math.sqrt(variance))
    if terms.max_correlated < math.inf:
        for i in range(exposure_2M.shape[1]):
            found = abs(correlated_exposure(exposure_2M, 1, market.covariance_TMM[now], i))
            if found > terms.max_correlated * _SLACK:
                share = min(share, terms.max_correlated / found)
    return share


@inlined
def correlated_exposure(exposure_2M: Floats, row: int, covariance_MM: Floats, i: int) -> float:
    """What is held in instrument `i`'s direction: sum over j of correlation(i, j) x exposure j."""
    total = 0.0
    for j in range(exposure_2M.shape[1]):
        scale = math.sqrt(covariance_MM[i, i] * covariance_MM[j, j])
        same = 1.0 if i == j else 0.0
        total += (covariance_MM[i, j] / scale if scale > 0.0 else same) * exposure_2M[row, j]
    return total

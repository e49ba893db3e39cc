"""Settles orders over bars into cash, positions, costs and net worth: margin books for N accounts in M instruments.

One bar of one account, in this order (`settle_bar`):

    1. orders fill at the bar's open, cut to the limits first
    2. the bar is lived through: liquidation, stop and take-profit, at the open where the price jumped over them
    3. positions that are left pay funding and borrowing at the close
    4. net worth is cash + quantity x contract x close

With `fill="close"` step 1 comes after step 2, at the close. Inside a bar only open, high and low are known, so what
hurts comes first: a bar that touches stop and take-profit stops out (and is counted), and before any of them margin is
checked. For that all prices are taken to run together from the open to the worst each position can meet - its stop,
or else the bar's extreme - and the account is liquidated where net worth first falls to `maintenance` x the value of
its positions. For one instrument that is the exact price; for several it assumes that the extremes coincide.

Stops and liquidations pay spread, slippage, impact and fee like any order; a take-profit rests in the book and pays the
fee only. Net worth can fall below 0 in a jump; it is shown as it is.
"""

# N accounts, M instruments, T bars, K events

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from rookery.market.accounts import (
    LIQUIDATION,
    STOP,
    STOP_AND_TAKE,
    TAKE,
    Accounts,
    open_accounts,
    pay_carry,
    trade,
)
from rookery.market.bars import Bars, Quotes
from rookery.market.limits import cut_orders, trailing_covariance
from rookery.market.terms import Account, AccountTerms, Instrument, InstrumentTerms, account_terms, instrument_terms

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
# A price on a tick but for rounding errors stays on it.
_TICK_SLACK = 1e-9


class Market(NamedTuple):
    """All that settlement reads: bars, terms, and the trailing covariance (T, M, M), or (1, 0, 0) when none binds."""

    quotes: Quotes
    instruments: InstrumentTerms
    terms: AccountTerms
    covariance_TMM: Floats


def market(bars: Bars, instruments: Sequence[Instrument], account: Account, *, covariance_window: int = 100) -> Market:
    """Bars and terms in kernel form. Raises ValueError when instruments and bars do not fit."""
    if len(instruments) != bars.shape[1]:
        raise ValueError(f"{len(instruments)} instruments for bars of {bars.shape[1]}")
    for m, instrument in enumerate(instruments):
        if bars.low_TM[:, m].min() < instrument.tick:
            raise ValueError(f"{instrument.name}: a price lies below the tick {instrument.tick}")
    bound = account.max_portfolio_var is not None or account.max_correlation_exposure is not None
    return Market(
        quotes=bars.quotes(),
        instruments=instrument_terms(instruments, fee_bps=account.fee_bps),
        terms=account_terms(account),
        covariance_TMM=trailing_covariance(bars.close_TM, covariance_window) if bound else np.zeros((1, 0, 0)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class BarBooks:
    """What became of N accounts over T bars: net worth and positions after each bar, and the books at the end."""

    worth_NT: Floats
    quantity_NTM: Floats
    accounts: Accounts


def settle_bars(market: Market, order_NTM: Floats, capital_N: Floats) -> BarBooks:
    """Settle N accounts that send order_NTM[:, t] (signed contracts) when bar t has closed; bar t + 1 fills it.

    The orders of the last bar meet no market. Raises ValueError when shapes do not fit or capital is not positive.
    """
    count, bars, instruments = order_NTM.shape
    if (bars, instruments) != market.quotes.close_TM.shape:
        raise ValueError(f"orders for {bars} bars of {instruments}; the market has {market.quotes.close_TM.shape}")
    accounts = open_accounts(np.broadcast_to(capital_N, (count,)), instruments)
    worth_NT, quantity_NTM = np.empty((count, bars)), np.empty((count, bars, instruments))
    _settle_all(accounts, market, np.require(order_NTM, np.float64, ["C", "W"]), worth_NT, quantity_NTM)
    return BarBooks(worth_NT=worth_NT, quantity_NTM=quantity_NTM, accounts=accounts)


@njit(cache=True, nogil=True, error_model="numpy")
def _settle_all(accounts: Accounts, market: Market, order_NTM: Floats, worth_NT: Floats, quantity_NTM: Floats) -> None:
    for n in range(len(worth_NT)):
        worth_NT[n, 0] = accounts.cash_N[n]
        quantity_NTM[n, 0] = 0.0
        for t in range(1, worth_NT.shape[1]):
            accounts.order_NM[n] = order_NTM[n, t - 1]
            worth_NT[n, t] = settle_bar(accounts, n, market, t)
            quantity_NTM[n, t] = accounts.quantity_NM[n]


@njit(cache=True, nogil=True, error_model="numpy")
def settle_bar(accounts: Accounts, n: int, market: Market, t: int) -> float:
    """Account `n` trades its orders in bar `t` and lives through it; its net worth at the close. Orders become 0."""
    quotes, terms = market.quotes, market.terms
    if not terms.fill_at_close:
        _fill_orders(accounts, n, market, quotes.open_TM[t], t)
    if _holds(accounts, n):
        _live_through(accounts, n, market, t)
    if terms.fill_at_close:
        _fill_orders(accounts, n, market, quotes.close_TM[t], t)
    return _close_bar(accounts, n, market, t)


@njit(cache=True, nogil=True, error_model="numpy")
def _holds(accounts: Accounts, n: int) -> bool:
    total = 0.0
    for m in range(accounts.quantity_NM.shape[1]):
        total += abs(accounts.quantity_NM[n, m])
    return total > 0.0


@njit(cache=True, nogil=True, error_model="numpy")
def _fill_orders(accounts: Accounts, n: int, market: Market, price_M: Floats, t: int) -> None:
    covariance_TMM = market.covariance_TMM
    # The covariance of the bar before: this one's close is not known when its open trades.
    known = min(max(t - 1, 0), len(covariance_TMM) - 1)
    volume_M = market.quotes.volume_TM[t]
    cut_orders(accounts, n, price_M, volume_M, covariance_TMM[known], market.instruments, market.terms)
    for m in range(len(price_M)):
        order = accounts.order_NM[n, m]
        if order != 0.0:
            _send(accounts, n, m, order, price_M[m], volume_M[m], market.instruments)
            accounts.order_NM[n, m] = 0.0


@njit(cache=True, nogil=True, error_model="numpy")
def _send(
    accounts: Accounts, n: int, m: int, quantity: float, price: float, volume: float, instruments: InstrumentTerms
) -> None:
    """A market order at the reference `price`."""
    size = abs(quantity) * instruments.contract_M[m]
    paid = fill_price(math.copysign(1.0, quantity), size, price, volume, m, instruments)
    value = quantity * instruments.contract_M[m] * paid
    fee = abs(value) * instruments.fee_M[m] + instruments.fee_fixed_M[m]
    trade(accounts, n, m, quantity, value, quantity * instruments.contract_M[m] * price, fee)


@njit(cache=True, nogil=True, error_model="numpy")
def fill_price(side: float, size: float, price: float, volume: float, m: int, instruments: InstrumentTerms) -> float:
    """What `size` units cost each: reference, half spread, slippage and impact, on the tick worse for the account."""
    share = instruments.spread_M[m]
    linear, root = instruments.linear_M[m], instruments.root_M[m]
    # A position that must be closed in a bar without volume pays as if one unit had been traded.
    if linear > 0.0 or root > 0.0:
        part = size / max(volume, 1.0)
        share += linear * part + root * math.sqrt(part)
    return _on_tick(price * (1.0 + share) if side > 0.0 else price / (1.0 + share), side, instruments.tick_M[m])


@njit(cache=True, nogil=True, error_model="numpy")
def _on_tick(price: float, side: float, tick: float) -> float:
    """The next tick above for side > 0, below for side < 0, at least one."""
    if tick == 0.0:
        return price
    if side > 0.0:
        return float(np.ceil(price / tick - _TICK_SLACK) * tick)
    return float(max(np.floor(price / tick + _TICK_SLACK), 1.0) * tick)


@njit(cache=True, nogil=True, error_model="numpy")
def _live_through(accounts: Accounts, n: int, market: Market, t: int) -> None:
    """Liquidation, else stops and take-profits, in bar `t`."""
    share = _liquidation_share(accounts, n, market, t)
    quotes = market.quotes
    if share <= 1.0:
        accounts.counts_NK[n, LIQUIDATION] += 1
    elif market.terms.stop == 0.0 and market.terms.take == 0.0:
        return
    for m in range(accounts.quantity_NM.shape[1]):
        held = accounts.quantity_NM[n, m]
        if held == 0.0:
            continue
        volume = quotes.volume_TM[t, m]
        if share <= 1.0:
            worst = _worst_price(accounts, n, m, market, t)
            price = quotes.open_TM[t, m] + share * (worst - quotes.open_TM[t, m])
            _send(accounts, n, m, -held, price, volume, market.instruments)
            continue
        stopped, taken, price = _exit(accounts, n, m, market, t)
        if stopped:
            accounts.counts_NK[n, STOP] += 1
            accounts.counts_NK[n, STOP_AND_TAKE] += taken
            _send(accounts, n, m, -held, price, volume, market.instruments)
        elif taken:
            accounts.counts_NK[n, TAKE] += 1
            _rest(accounts, n, m, price, market.instruments)


@njit(cache=True, nogil=True, error_model="numpy")
def _liquidation_share(accounts: Accounts, n: int, market: Market, t: int) -> float:
    """How far along the way from the open to the worst prices margin runs out: 0 to 1, or 2 when it does not."""
    first, last, gross = accounts.cash_N[n], accounts.cash_N[n], 0.0
    maintenance = market.terms.maintenance
    for m in range(accounts.quantity_NM.shape[1]):
        size = accounts.quantity_NM[n, m] * market.instruments.contract_M[m]
        if size != 0.0:
            opened, worst = market.quotes.open_TM[t, m], _worst_price(accounts, n, m, market, t)
            first += size * opened - maintenance * abs(size) * opened
            last += size * worst - maintenance * abs(size) * worst
            gross += abs(size)
    if gross == 0.0 or (first > 0.0 and last > 0.0):
        return 2.0
    return 0.0 if first <= 0.0 else float(first / (first - last))


@njit(cache=True, nogil=True, error_model="numpy")
def _levels(accounts: Accounts, n: int, m: int, market: Market) -> tuple[float, float]:
    """Prices of the position's stop and take-profit; nan where there is none."""
    held, terms = accounts.quantity_NM[n, m], market.terms
    entry, side = accounts.cost_NM[n, m] / (held * market.instruments.contract_M[m]), math.copysign(1.0, held)
    stop = entry * (1.0 - side * terms.stop) if terms.stop > 0.0 else math.nan
    take = entry * (1.0 + side * terms.take) if terms.take > 0.0 else math.nan
    return stop, _on_tick(take, side, market.instruments.tick_M[m])


@njit(cache=True, nogil=True, error_model="numpy")
def _worst_price(accounts: Accounts, n: int, m: int, market: Market, t: int) -> float:
    """The stop where it is touched (the open where that lies beyond it), else the extreme against the position."""
    quotes = market.quotes
    opened, low, high = quotes.open_TM[t, m], quotes.low_TM[t, m], quotes.high_TM[t, m]
    long = accounts.quantity_NM[n, m] > 0.0
    if market.terms.stop == 0.0:
        return float(low if long else high)
    stop, _ = _levels(accounts, n, m, market)
    return float(max(low, min(opened, stop)) if long else min(high, max(opened, stop)))


@njit(cache=True, nogil=True, error_model="numpy")
def _exit(accounts: Accounts, n: int, m: int, market: Market, t: int) -> tuple[bool, bool, float]:
    """Whether the bar reaches the stop and the take-profit, and the price of the one that counts."""
    quotes = market.quotes
    opened, low, high = quotes.open_TM[t, m], quotes.low_TM[t, m], quotes.high_TM[t, m]
    stop, take = _levels(accounts, n, m, market)
    if accounts.quantity_NM[n, m] > 0.0:
        stopped, taken = low <= stop, high >= take
        return stopped, taken, min(opened, stop) if stopped else max(opened, take)
    stopped, taken = high >= stop, low <= take
    return stopped, taken, max(opened, stop) if stopped else min(opened, take)


@njit(cache=True, nogil=True, error_model="numpy")
def _rest(accounts: Accounts, n: int, m: int, price: float, instruments: InstrumentTerms) -> None:
    """A resting order that closes the position at `price`, exactly."""
    quantity = -accounts.quantity_NM[n, m]
    value = quantity * instruments.contract_M[m] * price
    trade(accounts, n, m, quantity, value, value, abs(value) * instruments.fee_M[m] + instruments.fee_fixed_M[m])


@njit(cache=True, nogil=True, error_model="numpy")
def _close_bar(accounts: Accounts, n: int, market: Market, t: int) -> float:
    """Pay for what is held over the close; net worth after it."""
    instruments, value, carry = market.instruments, 0.0, 0.0
    if accounts.cash_N[n] < 0.0:
        carry -= accounts.cash_N[n] * market.terms.cash_rate
    for m in range(accounts.quantity_NM.shape[1]):
        worth = accounts.quantity_NM[n, m] * instruments.contract_M[m] * market.quotes.close_TM[t, m]
        value += worth
        carry += worth * instruments.funding_M[m]
        if worth < 0.0:
            carry -= worth * instruments.borrow_M[m]
    if carry != 0.0:
        pay_carry(accounts, n, carry)
    return float(accounts.cash_N[n] + value)

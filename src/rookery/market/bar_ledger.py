"""Settles orders over bars into cash, positions, costs and net worth: margin books for N accounts in M instruments.

One bar of one account, in this order (`settle_bar`):

    1. orders fill at the bar's open, cut to the limits first; what limits and breakers enforce fills with them
    2. the bar is lived through: liquidation, stop and take-profit, at the open where the price jumped over them
    3. positions that are left pay funding and borrowing at the close
    4. net worth is cash + quantity x contract x close; circuit breakers look at it

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

import numpy as np
import numpy.typing as npt
from numba import njit

from rookery.market.accounts import (
    CASH,
    COST,
    LIQUIDATION,
    ORDER,
    QUANTITY,
    STOP,
    STOP_AND_TAKE,
    TAKE,
    Accounts,
    open_accounts,
    pay_carry,
    trade,
)
from rookery.market.bars import CLOSE, HIGH, LOW, OPEN, VOLUME, Bars
from rookery.market.breakers import bar_clock, begin_day, watch
from rookery.market.compilation import inlined
from rookery.market.execution import BarTimes
from rookery.market.limits import cut_orders, trailing_covariance
from rookery.market.terms import (
    BORROW,
    CONTRACT,
    FEE,
    FEE_FIXED,
    FUNDING,
    LINEAR,
    ROOT,
    SPREAD,
    TICK,
    Account,
    Breakers,
    Instrument,
    Market,
    account_terms,
    instrument_terms,
)
from rookery.market.trade_journal import (
    BY_LIQUIDATION,
    BY_ORDER,
    BY_STOP,
    BY_TAKE,
    TRIP_CARRY,
    Journal,
    note_fill,
    note_price,
)

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
# A price on a tick but for rounding errors stays on it.
_TICK_SLACK = 1e-9


def market(
    bars: Bars,
    instruments: Sequence[Instrument],
    account: Account,
    *,
    covariance_window: int = 100,
    times: BarTimes | None = None,
) -> Market:
    """Bars and terms in kernel form; circuit breakers count days and minutes by `times`, where they are given.

    Raises ValueError when instruments, times and bars do not fit.
    """
    if len(instruments) != bars.shape[1]:
        raise ValueError(f"{len(instruments)} instruments for bars of {bars.shape[1]}")
    for m, instrument in enumerate(instruments):
        if bars.low_TM[:, m].min() < instrument.tick:
            raise ValueError(f"{instrument.name}: a price lies below the tick {instrument.tick}")
    bound = account.max_portfolio_var is not None or account.max_correlation_exposure is not None
    breakers = account.breakers
    span = None if times is None else (times.open_ns_T, times.close_ns_T)
    return Market(
        quotes_TMQ=bars.quotes(),
        instruments_MI=instrument_terms(instruments, fee_bps=account.fee_bps),
        terms=account_terms(account),
        covariance_TMM=trailing_covariance(bars.close_TM, covariance_window) if bound else np.zeros((1, 0, 0)),
        clock_TC=np.zeros((1, 3)) if breakers is None else bar_clock(bars.shape[0], breakers, span),
        breakers_L2=np.zeros((0, 2)) if breakers is None else _levels_of(breakers),
    )


def _levels_of(breakers: Breakers) -> Floats:
    return np.column_stack((np.array(breakers.day_losses), np.array(breakers.cooldowns_min))).astype(np.float64)


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
    if (bars, instruments) != market.quotes_TMQ.shape[:2]:
        raise ValueError(f"orders for {bars} bars of {instruments}; the market has {market.quotes_TMQ.shape[:2]}")
    accounts = open_accounts(np.broadcast_to(capital_N, (count,)), instruments)
    worth_NT, quantity_NTM = np.empty((count, bars)), np.empty((count, bars, instruments))
    _settle_all(accounts, market, np.require(order_NTM, np.float64, ["C", "W"]), worth_NT, quantity_NTM)
    return BarBooks(worth_NT=worth_NT, quantity_NTM=quantity_NTM, accounts=accounts)


@njit(cache=True, nogil=True, error_model="numpy")
def _settle_all(accounts: Accounts, market: Market, order_NTM: Floats, worth_NT: Floats, quantity_NTM: Floats) -> None:
    for n in range(len(worth_NT)):
        worth_NT[n, 0] = accounts.money_NB[n, CASH]
        quantity_NTM[n, 0] = 0.0
        for t in range(1, worth_NT.shape[1]):
            # Loops, not slices: numba compiles seconds of messages about shapes for a slice.
            for m in range(order_NTM.shape[2]):
                accounts.position_NMC[n, m, ORDER] = order_NTM[n, t - 1, m]
            worth_NT[n, t] = settle_bar(accounts, n, market, t, None)
            for m in range(order_NTM.shape[2]):
                quantity_NTM[n, t, m] = accounts.position_NMC[n, m, QUANTITY]


@inlined
def settle_bar(accounts: Accounts, n: int, market: Market, t: int, journal: Journal | None) -> float:
    """Account `n` trades its orders in bar `t` and lives through it; its net worth at the close. Orders become 0.

    Fills and round trips are written into `journal`, which must have room; with None the books are the same.
    """
    # Without a journal numba drops every branch on it, so that who needs none pays nothing for it.
    terms = market.terms
    if terms.breaks:
        begin_day(accounts, n, market, t)
    # One call of each in a loop, and a price that is no constant: half as much to compile.
    price = CLOSE if terms.fill_at_close else OPEN
    for fills in (not terms.fill_at_close, terms.fill_at_close):
        if fills:
            _fill_orders(accounts, n, market, price, t, journal)
        elif _holds(accounts, n):
            _live_through(accounts, n, market, t, journal)
            if journal is not None:
                _note_extremes(accounts, n, market, t, journal)
    worth = _close_bar(accounts, n, market, t, journal)
    if terms.breaks:
        watch(accounts, n, market, t, worth)
    return worth


@inlined
def _holds(accounts: Accounts, n: int) -> bool:
    total = 0.0
    for m in range(accounts.position_NMC.shape[1]):
        total += abs(accounts.position_NMC[n, m, QUANTITY])
    return total > 0.0


@inlined
def _fill_orders(accounts: Accounts, n: int, market: Market, price: int, t: int, journal: Journal | None) -> None:
    orders = 0
    for m in range(accounts.position_NMC.shape[1]):
        orders += accounts.position_NMC[n, m, ORDER] != 0.0
    # What the shield itself closes needs no order.
    if orders == 0 and not ((market.terms.enforced or market.terms.breaks) and _holds(accounts, n)):
        return
    cut_orders(accounts, n, market, t, price)
    for m in range(accounts.position_NMC.shape[1]):
        order = accounts.position_NMC[n, m, ORDER]
        if order != 0.0:
            _send(accounts, n, m, order, market.quotes_TMQ[t, m, price], market, t, BY_ORDER, journal)
            accounts.position_NMC[n, m, ORDER] = 0.0


@inlined
def _send(
    accounts: Accounts,
    n: int,
    m: int,
    quantity: float,
    price: float,
    market: Market,
    t: int,
    cause: int,
    journal: Journal | None,
) -> None:
    """A market order at the reference `price` of bar `t`."""
    contract = market.instruments_MI[m, CONTRACT]
    paid = fill_price(market, t, m, math.copysign(1.0, quantity), abs(quantity) * contract, price)
    value = quantity * contract * paid
    fee = abs(value) * market.instruments_MI[m, FEE] + market.instruments_MI[m, FEE_FIXED]
    if journal is not None:
        held = accounts.position_NMC[n, m, QUANTITY]
        note_fill(journal, t, m, cause, held, quantity, value, quantity * contract * price, fee, contract)
    trade(accounts, n, m, quantity, value, quantity * contract * price, fee)


@inlined
def fill_price(market: Market, t: int, m: int, side: float, size: float, price: float) -> float:
    """What `size` units cost each: reference, half spread, slippage and impact, on the tick worse for the account."""
    share = market.instruments_MI[m, SPREAD]
    linear, root = market.instruments_MI[m, LINEAR], market.instruments_MI[m, ROOT]
    # A position that must be closed in a bar without volume pays as if one unit had been traded.
    if linear > 0.0 or root > 0.0:
        part = size / max(market.quotes_TMQ[t, m, VOLUME], 1.0)
        share += linear * part + root * math.sqrt(part)
    reached = price * (1.0 + share) if side > 0.0 else price / (1.0 + share)
    return _on_tick(reached, side, market.instruments_MI[m, TICK])


@inlined
def _on_tick(price: float, side: float, tick: float) -> float:
    """The next tick above for side > 0, below for side < 0, at least one."""
    if tick == 0.0:
        return price
    if side > 0.0:
        return float(np.ceil(price / tick - _TICK_SLACK) * tick)
    return float(max(np.floor(price / tick + _TICK_SLACK), 1.0) * tick)


@inlined
def _live_through(accounts: Accounts, n: int, market: Market, t: int, journal: Journal | None) -> None:
    """Liquidation, else stops and take-profits, in bar `t`."""
    share = _liquidation_share(accounts, n, market, t)
    if share <= 1.0:
        accounts.counts_NK[n, LIQUIDATION] += 1
    elif market.terms.stop == 0.0 and market.terms.take == 0.0:
        return
    for m in range(accounts.position_NMC.shape[1]):
        held = accounts.position_NMC[n, m, QUANTITY]
        if held == 0.0:
            continue
        stopped, taken, cause = False, False, BY_LIQUIDATION
        if share <= 1.0:
            worst = _worst_price(accounts, n, m, market, t)
            price = market.quotes_TMQ[t, m, OPEN] + share * (worst - market.quotes_TMQ[t, m, OPEN])
        else:
            stopped, taken, price = _exit(accounts, n, m, market, t)
            if not (stopped or taken):
                continue
            cause = BY_STOP if stopped else BY_TAKE
        _note_open(accounts, n, m, market, t, journal)
        if stopped:
            accounts.counts_NK[n, STOP] += 1
            accounts.counts_NK[n, STOP_AND_TAKE] += taken
        if cause == BY_TAKE:
            accounts.counts_NK[n, TAKE] += 1
            _rest(accounts, n, m, price, market, t, cause, journal)
        else:
            _send(accounts, n, m, -held, price, market, t, cause, journal)


@inlined
def _note_open(accounts: Accounts, n: int, m: int, market: Market, t: int, journal: Journal | None) -> None:
    if journal is not None:
        unit = market.instruments_MI[m, CONTRACT] * market.quotes_TMQ[t, m, OPEN]
        note_price(journal, m, abs(accounts.position_NMC[n, m, QUANTITY]), unit)


@inlined
def _note_extremes(accounts: Accounts, n: int, market: Market, t: int, journal: Journal) -> None:
    for m in range(accounts.position_NMC.shape[1]):
        held, contract = abs(accounts.position_NMC[n, m, QUANTITY]), market.instruments_MI[m, CONTRACT]
        if held > 0.0:
            note_price(journal, m, held, contract * market.quotes_TMQ[t, m, LOW])
            note_price(journal, m, held, contract * market.quotes_TMQ[t, m, HIGH])


@inlined
def _liquidation_share(accounts: Accounts, n: int, market: Market, t: int) -> float:
    """How far along the way from the open to the worst prices margin runs out: 0 to 1, or 2 when it does not."""
    first, last, gross = accounts.money_NB[n, CASH], accounts.money_NB[n, CASH], 0.0
    maintenance = market.terms.maintenance
    for m in range(accounts.position_NMC.shape[1]):
        size = accounts.position_NMC[n, m, QUANTITY] * market.instruments_MI[m, CONTRACT]
        if size != 0.0:
            opened, worst = market.quotes_TMQ[t, m, OPEN], _worst_price(accounts, n, m, market, t)
            first += size * opened - maintenance * abs(size) * opened
            last += size * worst - maintenance * abs(size) * worst
            gross += abs(size)
    if gross == 0.0 or (first > 0.0 and last > 0.0):
        return 2.0
    return 0.0 if first <= 0.0 else float(first / (first - last))


@inlined
def _levels(accounts: Accounts, n: int, m: int, market: Market) -> tuple[float, float]:
    """Prices of the position's stop and take-profit; nan where there is none."""
    held, terms = accounts.position_NMC[n, m, QUANTITY], market.terms
    entry, side = (
        accounts.position_NMC[n, m, COST] / (held * market.instruments_MI[m, CONTRACT]),
        math.copysign(1.0, held),
    )
    stop = entry * (1.0 - side * terms.stop) if terms.stop > 0.0 else math.nan
    take = entry * (1.0 + side * terms.take) if terms.take > 0.0 else math.nan
    return stop, _on_tick(take, side, market.instruments_MI[m, TICK])


@inlined
def _worst_price(accounts: Accounts, n: int, m: int, market: Market, t: int) -> float:
    """The stop where it is touched (the open where that lies beyond it), else the extreme against the position."""
    opened, low, high = market.quotes_TMQ[t, m, OPEN], market.quotes_TMQ[t, m, LOW], market.quotes_TMQ[t, m, HIGH]
    long = accounts.position_NMC[n, m, QUANTITY] > 0.0
    if market.terms.stop == 0.0:
        return float(low if long else high)
    stop, _ = _levels(accounts, n, m, market)
    return float(max(low, min(opened, stop)) if long else min(high, max(opened, stop)))


@inlined
def _exit(accounts: Accounts, n: int, m: int, market: Market, t: int) -> tuple[bool, bool, float]:
    """Whether the bar reaches the stop and the take-profit, and the price of the one that counts."""
    opened, low, high = market.quotes_TMQ[t, m, OPEN], market.quotes_TMQ[t, m, LOW], market.quotes_TMQ[t, m, HIGH]
    stop, take = _levels(accounts, n, m, market)
    if accounts.position_NMC[n, m, QUANTITY] > 0.0:
        stopped, taken = low <= stop, high >= take
        return stopped, taken, min(opened, stop) if stopped else max(opened, take)
    stopped, taken = high >= stop, low <= take
    return stopped, taken, max(opened, stop) if stopped else min(opened, take)


@inlined
def _rest(
    accounts: Accounts, n: int, m: int, price: float, market: Market, t: int, cause: int, journal: Journal | None
) -> None:
    """A resting order that closes the position at `price`, exactly."""
    quantity, contract = -accounts.position_NMC[n, m, QUANTITY], market.instruments_MI[m, CONTRACT]
    value = quantity * contract * price
    fee = abs(value) * market.instruments_MI[m, FEE] + market.instruments_MI[m, FEE_FIXED]
    if journal is not None:
        note_fill(journal, t, m, cause, -quantity, quantity, value, value, fee, contract)
    trade(accounts, n, m, quantity, value, value, fee)


@inlined
def _close_bar(accounts: Accounts, n: int, market: Market, t: int, journal: Journal | None) -> float:
    """Pay for what is held over the close; net worth after it."""
    value, carry = 0.0, 0.0
    if accounts.money_NB[n, CASH] < 0.0:
        carry -= accounts.money_NB[n, CASH] * market.terms.cash_rate
    for m in range(accounts.position_NMC.shape[1]):
        worth = (
            accounts.position_NMC[n, m, QUANTITY] * market.instruments_MI[m, CONTRACT] * market.quotes_TMQ[t, m, CLOSE]
        )
        value += worth
        own = worth * market.instruments_MI[m, FUNDING]
        if worth < 0.0:
            own -= worth * market.instruments_MI[m, BORROW]
        carry += own
        if journal is not None:
            journal.open_MC[m, TRIP_CARRY] += own
    if carry != 0.0:
        pay_carry(accounts, n, carry)
    return float(accounts.money_NB[n, CASH] + value)
